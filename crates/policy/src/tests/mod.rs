mod decisions;
mod properties;
mod validation;
