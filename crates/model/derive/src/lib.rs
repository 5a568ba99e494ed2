//! The derive macro for shapes.
