//! What has to happen later: durable, at-least-once deliveries.
