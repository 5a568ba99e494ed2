//! Every call, from outside or from another service: who asks, may they, run it, trace it.
