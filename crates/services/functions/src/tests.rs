//! The service as the bus calls it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use pilvi_bus::{Bus, Clock, IamMode, Platform, Settings};
use pilvi_delivery::Deliveries;
use pilvi_model::api;
use pilvi_model::drift::{Role, mismatches};
use pilvi_store::Store;
use pilvi_store::blobs::Blobs;

#[tokio::test]
async fn every_struct_is_of_its_models_shape() {
    let data = tempfile::tempdir().unwrap();
    let platform = Platform {
        store: Store::memory(),
        blobs: Blobs::temporary().unwrap(),
        clock: Clock::real(),
        bus: Bus::new(),
        settings: Arc::new(Settings {
            data: data.path().to_owned(),
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 4566,
            iam: IamMode::Enforce,
            ca_pem: None,
        }),
        shutdown: tokio_util::sync::CancellationToken::new(),
    };
    let deliveries = Deliveries::new(&platform).unwrap();
    let (service, _) = crate::service(&platform, deliveries).await.unwrap();
    let model = api("lambda").unwrap();
    for facts in service.operations() {
        let operation = model.operation(facts.name).unwrap();
        let mut problems = mismatches(facts.input, Role::Input, model, operation.input, "input");
        problems.extend(mismatches(facts.output, Role::Output, model, operation.output, "output"));
        assert!(problems.is_empty(), "{}: {problems:?}", facts.name);
    }
}
