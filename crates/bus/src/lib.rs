//! The bus: every call, from outside or from another service, is authorized, run and traced here.
//!
//! A service never reaches into another service. It makes a call on the [`Bus`], as a [`Principal`], and that call is
//! authorized like one from outside. The calls that services make of each other all the time are typed ([`calls`]);
//! any other operation can be called by service, name and document ([`Bus::call`]).
//!
//! A service crate is read from its manifest: see [`service`] for what that is and how it looks.

pub mod arn;
pub mod authorize;
pub mod bus;
pub mod calls;
pub mod clock;
pub mod context;
pub mod error;
pub mod http;
pub mod identity;
pub mod platform;
pub mod principal;
pub mod region;
pub mod service;
pub mod trace;

pub use arn::Arn;
pub use authorize::{AccessRequest, Authorizer};
pub use bus::Bus;
pub use clock::Clock;
pub use context::{Ctx, RequestContext};
pub use error::ApiError;
pub use platform::{IamMode, Platform, Settings};
pub use principal::Principal;
pub use service::{Access, Manifest, Service};
pub use trace::Traces;
