//! The credential report ("Getting credential reports" in the IAM user guide): a line for root and for each user.

use std::sync::Arc;

use bytes::Bytes;
use pilvi_bus::{Ctx, region};
use pilvi_model::{Shape, Timestamp};

use crate::core::{Identity, entities, stamp};
use crate::errors::IamError;
use crate::state::{ACCOUNTS, Entity, KEYS, Kind};

/// A report is good for four hours; until then it is not made again.
const FRESH: i64 = 4 * 3600;

const HEAD: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
                    password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,\
                    access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,\
                    access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,\
                    access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,\
                    cert_2_active,cert_2_last_rotated";

/// How far the report is.
#[derive(Shape)]
pub(crate) struct GenerateCredentialReportOutput {
    state: Option<String>,
    description: Option<String>,
}

pub(crate) async fn generate_credential_report(
    identity: Arc<Identity>,
    ctx: Ctx,
    (): (),
) -> Result<GenerateCredentialReportOutput, IamError> {
    let now = identity.now();
    let made = identity.read(|tx| Ok(tx.get(&ACCOUNTS, &ctx.account)?))?.and_then(|record| record.report);
    if made.as_ref().is_some_and(|(time, _)| now - time < FRESH) {
        return Ok(GenerateCredentialReportOutput { state: Some("COMPLETE".into()), description: None });
    }
    let report = report(&identity, &ctx)?;
    identity
        .clone()
        .change(move |tx| {
            let mut record = tx.get(&ACCOUNTS, &ctx.account)?.unwrap_or_default();
            record.report = Some((now, report.clone()));
            tx.put(&ACCOUNTS, &ctx.account, &record)?;
            Ok(())
        })
        .await?;
    let text = match made {
        None => "No report exists. Starting a new report generation task",
        Some(_) => "Previous report expired. Starting a new report generation task",
    };
    Ok(GenerateCredentialReportOutput { state: Some("STARTED".into()), description: Some(text.into()) })
}

fn report(identity: &Identity, ctx: &Ctx) -> Result<String, IamError> {
    let root = format!("arn:{}:iam::{}:root", region::partition(&ctx.region), ctx.account);
    let none = ["false", "N/A", "N/A", "N/A", "N/A"].join(",");
    let mut lines = vec![HEAD.to_owned()];
    lines.push(format!(
        "<root_account>,{root},{},not_supported,no_information,not_supported,not_supported,false,{none},{none},false,N/A,false,N/A",
        time(0)
    ));
    for user in identity.read(|tx| entities(tx, &ctx.account, Kind::User))? {
        lines.push(line(identity, &user)?);
    }
    Ok(lines.join("\n"))
}

fn line(identity: &Identity, user: &Entity) -> Result<String, IamError> {
    let password = match &user.user.login {
        Some(login) => format!("true,no_information,{},N/A", time(login.changed)),
        None => "false,N/A,N/A,N/A".to_owned(),
    };
    let mut keys = Vec::new();
    for index in 0..2 {
        let id = user.user.keys.get(index);
        let key = match id {
            Some(id) => identity.read(|tx| Ok(tx.get(&KEYS, id)?))?.map(|key| (id, key)),
            None => None,
        };
        let Some((id, key)) = key else {
            keys.push("false,N/A,N/A,N/A,N/A".to_owned());
            continue;
        };
        let used = match identity.last_use(id)? {
            Some((when, service, region)) => format!("{},{region},{service}", time(when)),
            None => "N/A,N/A,N/A".to_owned(),
        };
        keys.push(format!("{},{},{used}", key.active, time(key.created)));
    }
    let mut certificates = Vec::new();
    for index in 0..2 {
        certificates.push(match user.user.certificates.get(index) {
            Some(certificate) => format!("{},{}", certificate.active, time(certificate.uploaded)),
            None => "false,N/A".to_owned(),
        });
    }
    let (name, arn, created, mfa) = (&user.name, &user.arn, time(user.created), !user.user.mfa.is_empty());
    Ok(format!("{name},{arn},{created},{password},{mfa},{},{}", keys.join(","), certificates.join(",")))
}

fn time(seconds: i64) -> String {
    stamp(seconds).strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// The report.
#[derive(Shape)]
pub(crate) struct GetCredentialReportOutput {
    content: Option<Bytes>,
    report_format: Option<String>,
    generated_time: Option<Timestamp>,
}

pub(crate) async fn get_credential_report(
    identity: Arc<Identity>,
    ctx: Ctx,
    (): (),
) -> Result<GetCredentialReportOutput, IamError> {
    let record = identity.read(|tx| Ok(tx.get(&ACCOUNTS, &ctx.account)?))?;
    let (made, text) = record.and_then(|record| record.report).ok_or(IamError::ReportNotPresent)?;
    Ok(GetCredentialReportOutput {
        content: Some(Bytes::from(text)),
        report_format: Some("text/csv".into()),
        generated_time: Some(stamp(made)),
    })
}
