//! The facts of each cloud API as data, and the plain structs checked against them.
