//! Function processes: environments, pools and the Runtime API.
