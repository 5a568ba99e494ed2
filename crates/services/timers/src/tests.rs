//! Do the structs say what the model says?

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use pilvi_bus::{Bus, Clock, IamMode, Platform, Settings};
use pilvi_delivery::Deliveries;
use pilvi_model::drift::{Role, mismatches};
use pilvi_model::{Timestamp, api};
use pilvi_store::Store;
use pilvi_store::blobs::Blobs;

fn platform() -> Platform {
    Platform {
        store: Store::memory(),
        blobs: Blobs::temporary().unwrap(),
        clock: Clock::frozen(Timestamp::UNIX_EPOCH),
        bus: Bus::new(),
        settings: Arc::new(Settings {
            data: std::path::PathBuf::new(),
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 4566,
            iam: IamMode::Off,
            ca_pem: None,
        }),
        shutdown: tokio_util::sync::CancellationToken::new(),
    }
}

#[tokio::test]
async fn every_struct_is_of_its_models_shape() {
    let platform = platform();
    let service = crate::service(&platform, Deliveries::new(&platform).unwrap()).unwrap();
    let model = api("scheduler").unwrap();
    let operations = service.operations();
    assert_eq!(operations.len(), model.operations.len(), "all of them");
    for facts in operations {
        let operation = model.operation(facts.name).unwrap();
        let input = mismatches(facts.input, Role::Input, model, operation.input, facts.name);
        let output = mismatches(facts.output, Role::Output, model, operation.output, facts.name);
        assert!(input.is_empty() && output.is_empty(), "{input:#?} {output:#?}");
    }
}
