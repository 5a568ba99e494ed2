//! How a connection authorizes, as CreateConnection and UpdateConnection take it and as it is kept; and what is shown of it.
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateConnectionAuthRequestParameters.html>

use pilvi_model::Shape;
use serde::{Deserialize, Serialize};

/// What a connection authorizes with. The model says what of it a new connection needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct Auth {
    pub(crate) basic_auth_parameters: Option<Basic>,
    #[shape(name = "OAuthParameters")]
    pub(crate) oauth_parameters: Option<OAuth>,
    pub(crate) api_key_auth_parameters: Option<ApiKey>,
    pub(crate) invocation_http_parameters: Option<HttpParameters>,
}

/// A name and a password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct Basic {
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
}

/// A key in a header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct ApiKey {
    pub(crate) api_key_name: Option<String>,
    pub(crate) api_key_value: Option<String>,
}

/// A token from an authorization server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct OAuth {
    pub(crate) client_parameters: Option<Client>,
    pub(crate) authorization_endpoint: Option<String>,
    pub(crate) http_method: Option<String>,
    #[shape(name = "OAuthHttpParameters")]
    pub(crate) oauth_http_parameters: Option<HttpParameters>,
}

/// Who asks for the token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct Client {
    #[shape(name = "ClientID")]
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<String>,
}

/// What is added to each request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct HttpParameters {
    pub(crate) header_parameters: Option<Vec<Parameter>>,
    pub(crate) query_string_parameters: Option<Vec<Parameter>>,
    pub(crate) body_parameters: Option<Vec<Parameter>>,
}

/// A header, a member of the query or one of the body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct Parameter {
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) is_value_secret: Option<bool>,
}

/// What is shown of how a connection authorizes.
#[derive(Shape)]
pub(crate) struct ShownAuth {
    basic_auth_parameters: Option<ShownBasic>,
    #[shape(name = "OAuthParameters")]
    oauth_parameters: Option<ShownOAuth>,
    api_key_auth_parameters: Option<ShownApiKey>,
    invocation_http_parameters: Option<HttpParameters>,
}

#[derive(Shape)]
struct ShownBasic {
    username: Option<String>,
}

#[derive(Shape)]
struct ShownApiKey {
    api_key_name: Option<String>,
}

#[derive(Shape)]
struct ShownOAuth {
    client_parameters: Option<ShownClient>,
    authorization_endpoint: Option<String>,
    http_method: Option<String>,
    #[shape(name = "OAuthHttpParameters")]
    oauth_http_parameters: Option<HttpParameters>,
}

#[derive(Shape)]
struct ShownClient {
    #[shape(name = "ClientID")]
    client_id: Option<String>,
}

impl Auth {
    /// What is shown of it: no secrets.
    pub(crate) fn shown(self) -> ShownAuth {
        let without_secrets = |parameters: Option<HttpParameters>| parameters.map(HttpParameters::shown);
        ShownAuth {
            basic_auth_parameters: self.basic_auth_parameters.map(|basic| ShownBasic { username: basic.username }),
            oauth_parameters: self.oauth_parameters.map(|oauth| ShownOAuth {
                client_parameters: oauth.client_parameters.map(|client| ShownClient { client_id: client.client_id }),
                authorization_endpoint: oauth.authorization_endpoint,
                http_method: oauth.http_method,
                oauth_http_parameters: without_secrets(oauth.oauth_http_parameters),
            }),
            api_key_auth_parameters: self
                .api_key_auth_parameters
                .map(|key| ShownApiKey { api_key_name: key.api_key_name }),
            invocation_http_parameters: without_secrets(self.invocation_http_parameters),
        }
    }

    /// Takes over what an update gives, and keeps the rest.
    pub(crate) fn update(&mut self, new: Self) {
        fn put<T>(own: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *own = new;
            }
        }
        if let Some(new) = new.basic_auth_parameters {
            let own = self.basic_auth_parameters.get_or_insert_default();
            put(&mut own.username, new.username);
            put(&mut own.password, new.password);
        }
        if let Some(new) = new.api_key_auth_parameters {
            let own = self.api_key_auth_parameters.get_or_insert_default();
            put(&mut own.api_key_name, new.api_key_name);
            put(&mut own.api_key_value, new.api_key_value);
        }
        if let Some(new) = new.oauth_parameters {
            let own = self.oauth_parameters.get_or_insert_default();
            if let Some(client) = new.client_parameters {
                let own = own.client_parameters.get_or_insert_default();
                put(&mut own.client_id, client.client_id);
                put(&mut own.client_secret, client.client_secret);
            }
            put(&mut own.authorization_endpoint, new.authorization_endpoint);
            put(&mut own.http_method, new.http_method);
            put(&mut own.oauth_http_parameters, new.oauth_http_parameters);
        }
        put(&mut self.invocation_http_parameters, new.invocation_http_parameters);
    }
}

impl HttpParameters {
    fn shown(self) -> Self {
        let without_secrets = |parameters: Option<Vec<Parameter>>| {
            let shown = |parameter: Parameter| {
                // What is secret where nobody says is AWS's: "IsValueSecret: Indicates whether the value is secret", by default not.
                let secret = parameter.is_value_secret.unwrap_or(false);
                Parameter { value: parameter.value.filter(|_| !secret), is_value_secret: Some(secret), ..parameter }
            };
            parameters.map(|parameters| parameters.into_iter().map(shown).collect())
        };
        Self {
            header_parameters: without_secrets(self.header_parameters),
            query_string_parameters: without_secrets(self.query_string_parameters),
            body_parameters: without_secrets(self.body_parameters),
        }
    }
}
