//! The facts of each cloud API as data, and the plain structs that are checked against them.
//!
//! - [`api`](mod@api): a loaded model: operations, HTTP bindings, shapes, constraints, error codes; read by [`load`] from
//!   the line text ([`format`](mod@format)) of `data/`; [`api()`] gives the one of a name.
//! - [`drift`]: whether a struct still says what the model says.
//! - [`document`]: calls written down as plain JSON.
//! - [`val`]: the tree that every request is parsed into and every answer is rendered from.
//! - [`shape`]: `#[derive(Shape)]` for the plain structs that operations take and give.

extern crate self as pilvi_model; // so that the derive macro's paths hold in here too

pub mod api;
mod catalog;
pub mod document;
pub mod drift;
pub mod format;
pub mod load;
mod pattern;
pub mod shape;
pub mod val;

pub use api::{
    Api, Constraints, ErrorInfo, Kind, Location, Member, Operation, Protocol, Service, ShapeId, Structure,
    TimestampFormat,
};
pub use catalog::{api, names, services};
pub use pattern::pattern;
pub use pilvi_model_derive::Shape;
pub use shape::{Desc, Shape, ShapeError};
pub use val::{Timestamp, Val};
