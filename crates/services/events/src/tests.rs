//! The operations against the model.

use std::sync::Arc;

use pilvi_bus::{Bus, Clock, IamMode, Platform, Settings};
use pilvi_delivery::Deliveries;
use pilvi_model::drift::{Role, mismatches};
use pilvi_store::Store;
use pilvi_store::blobs::Blobs;
use tokio_util::sync::CancellationToken;

fn platform() -> Platform {
    let settings = Settings {
        data: std::env::temp_dir(),
        host: std::net::IpAddr::from([127, 0, 0, 1]),
        port: 4566,
        iam: IamMode::Off,
        ca_pem: None,
    };
    Platform {
        store: Store::memory(),
        blobs: Blobs::temporary().unwrap(),
        clock: Clock::real(),
        bus: Bus::new(),
        settings: Arc::new(settings),
        shutdown: CancellationToken::new(),
    }
}

#[test]
fn structs_and_the_model_agree() {
    let platform = platform();
    let service = crate::service(&platform, Deliveries::new(&platform).unwrap()).unwrap();
    let api = pilvi_model::api("events").unwrap();
    // Private connectivity (VPC Lattice) is refused whole.
    let opaque = ["ConnectivityParameters", "InvocationConnectivityParameters"];
    // The parameters of all kinds of connections are one struct, and what a new one needs is checked along the model.
    let one =
        ["AuthParameters.BasicAuthParameters", "AuthParameters.ApiKeyAuthParameters", "AuthParameters.OAuthParameters"];
    for facts in service.operations() {
        let operation = api.operation(facts.name).unwrap();
        let mut differences = mismatches(facts.input, Role::Input, api, operation.input, facts.name);
        differences.extend(mismatches(facts.output, Role::Output, api, operation.output, facts.name));
        differences.retain(|line| {
            let of_one = one.iter().any(|member| line.contains(member));
            let known = opaque.iter().any(|member| line.contains(member));
            !(known || of_one && line.contains("required in the model, not here"))
        });
        assert!(differences.is_empty(), "{differences:#?}");
    }
    assert_eq!(service.operations().len(), api.operations.len());
}
