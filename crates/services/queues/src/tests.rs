//! Handlers, called as the bus calls them.
