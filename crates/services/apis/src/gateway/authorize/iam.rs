//! Routes with `AWS_IAM`: the request is signed for `execute-api`, and the signer's policies allow `execute-api:Invoke`.

use pilvi_bus::{AccessRequest, Arn, Principal, RequestContext};
use pilvi_edge::authenticate::Signed;
use pilvi_edge::sigv4;
use pilvi_model::api::Protocol;

use super::{Identity, Refusal};
use crate::gateway::compiled::Compiled;
use crate::gateway::event::Call;
use crate::gateway::front::Gateway;

impl Gateway {
    pub(super) async fn admit_signer(
        &self,
        compiled: &Compiled,
        call: &Call<'_>,
        request: &http::request::Parts,
    ) -> Result<Identity, Refusal> {
        let claim = sigv4::parse(request);
        let signed = Signed { parts: request, body: &call.body, service: "execute-api", protocol: Protocol::RestJson };
        let peer = call.source_ip.parse().unwrap_or(std::net::Ipv4Addr::LOCALHOST.into());
        let caller = self.authenticator.caller(claim, signed, peer).await;
        let caller = caller.map_err(|problem| Refusal::forbidden(problem.message))?;
        if caller.principal == Principal::Anonymous {
            return Err(Refusal::forbidden("Missing Authentication Token"));
        }
        // "Control access for invoking an API": arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH
        let path = call.inner_path.trim_start_matches('/');
        let resource = format!("{}/{}/{}/{path}", call.api, call.stage, call.method);
        let arn = Arn::new("execute-api", &compiled.region, &compiled.account, resource).to_string();
        let ctx = RequestContext {
            access_key: caller.access_key.clone(),
            source_ip: call.source_ip.parse().ok(),
            user_agent: call.header("user-agent").map(str::to_owned),
            ..RequestContext::internal(caller.principal.clone(), &compiled.account, &compiled.region, "")
        };
        let asked = AccessRequest::new("execute-api:Invoke", arn);
        let allowed = self.apis.platform.bus.authorize(&ctx, &asked, None).await;
        allowed.map_err(|problem| Refusal::forbidden(problem.message))?;
        Ok(Identity::Signer {
            access_key: caller.access_key.unwrap_or_default(),
            account: caller.principal.account().to_owned(),
            id: caller.principal.id(),
            arn: caller.principal.arn(&compiled.region),
        })
    }
}
