//! Console passwords: login profiles, and the account's rule for passwords. A password is kept as a salted hash only.

use std::sync::Arc;

use pilvi_bus::{Ctx, Principal};
use pilvi_model::{Shape, Timestamp};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::users::change_entity;
use crate::core::{Identity, entity, named_user, stamp};
use crate::errors::IamError;
use crate::state::{ACCOUNTS, Entity, Kind, Login, PasswordPolicy};

fn hash(salt: &str, password: &str) -> String {
    let digest = Sha256::new().chain_update(salt).chain_update(password).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks a password against the account's policy, or where there is none against AWS's default: eight characters, of
/// three of the four types, and not the account's alias.
fn check(policy: Option<&PasswordPolicy>, password: &str) -> Result<(), IamError> {
    let upper = password.chars().any(char::is_uppercase);
    let lower = password.chars().any(char::is_lowercase);
    let number = password.chars().any(|c| c.is_ascii_digit());
    let symbol = password.chars().any(|c| c.is_ascii_punctuation());
    let types = [upper, lower, number, symbol].into_iter().filter(|there| *there).count();
    let length = i64::try_from(password.chars().count()).unwrap_or(i64::MAX);
    let fine = match policy {
        None => length >= 8 && types >= 3,
        Some(policy) => {
            length >= policy.min_length
                && (!policy.uppercase || upper)
                && (!policy.lowercase || lower)
                && (!policy.numbers || number)
                && (!policy.symbols || symbol)
        }
    };
    if fine {
        return Ok(());
    }
    Err(IamError::PasswordPolicy("Password does not conform to the account password policy.".into()))
}

fn check_for(identity: &Identity, account: &str, password: &str) -> Result<(), IamError> {
    let record = identity.read(|tx| Ok(tx.get(&ACCOUNTS, account)?))?;
    check(record.and_then(|record| record.password_policy).as_ref(), password)
}

fn no_login(name: &str) -> IamError {
    IamError::NoSuchEntity(format!("Login Profile for User {name} cannot be found."))
}

/// A login profile.
#[derive(Shape)]
pub(crate) struct LoginProfileOutput {
    login_profile: LoginProfile,
}

#[derive(Shape)]
struct LoginProfile {
    user_name: String,
    create_date: Timestamp,
    password_reset_required: Option<bool>,
}

fn shown(user: &Entity) -> Result<LoginProfileOutput, IamError> {
    let login = user.user.login.as_ref().ok_or_else(|| no_login(&user.name))?;
    Ok(LoginProfileOutput {
        login_profile: LoginProfile {
            user_name: user.name.clone(),
            create_date: stamp(login.created),
            password_reset_required: Some(login.reset_required),
        },
    })
}

/// What CreateLoginProfile takes.
#[derive(Shape)]
pub(crate) struct CreateLoginProfileInput {
    pub(crate) user_name: Option<String>,
    password: Option<String>,
    password_reset_required: Option<bool>,
}

pub(crate) async fn create_login_profile(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: CreateLoginProfileInput,
) -> Result<LoginProfileOutput, IamError> {
    let name = named_user(&ctx, input.user_name.as_deref())?;
    identity.read(|tx| entity(tx, &ctx.account, Kind::User, &name))?;
    let password = input.password.unwrap_or_default();
    check_for(&identity, &ctx.account, &password)?;
    let (salt, now) = (Uuid::new_v4().to_string(), identity.now());
    let login = Login {
        created: now,
        changed: now,
        reset_required: input.password_reset_required.unwrap_or(false),
        hash: hash(&salt, &password),
        salt,
    };
    let change = move |user: &mut Entity| {
        if user.user.login.is_some() {
            return Err(IamError::AlreadyExists(format!("Login Profile for user {} already exists.", user.name)));
        }
        user.user.login = Some(login.clone());
        Ok(())
    };
    shown(&change_entity(&identity, &ctx, Kind::User, name, change).await?)
}

/// A user, by default the caller.
#[derive(Shape)]
pub(crate) struct LoginProfileInput {
    pub(crate) user_name: Option<String>,
}

pub(crate) async fn get_login_profile(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: LoginProfileInput,
) -> Result<LoginProfileOutput, IamError> {
    let name = named_user(&ctx, input.user_name.as_deref())?;
    shown(&identity.read(|tx| entity(tx, &ctx.account, Kind::User, &name))?)
}

pub(crate) async fn delete_login_profile(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: LoginProfileInput,
) -> Result<(), IamError> {
    let name = named_user(&ctx, input.user_name.as_deref())?;
    let change = |user: &mut Entity| user.user.login.take().map(|_| ()).ok_or_else(|| no_login(&user.name));
    change_entity(&identity, &ctx, Kind::User, name, change).await.map(|_| ())
}

/// What UpdateLoginProfile takes.
#[derive(Shape)]
pub(crate) struct UpdateLoginProfileInput {
    pub(crate) user_name: String,
    password: Option<String>,
    password_reset_required: Option<bool>,
}

pub(crate) async fn update_login_profile(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: UpdateLoginProfileInput,
) -> Result<(), IamError> {
    if let Some(password) = &input.password {
        check_for(&identity, &ctx.account, password)?;
    }
    let (salt, now) = (Uuid::new_v4().to_string(), identity.now());
    let change = move |user: &mut Entity| {
        let name = user.name.clone();
        let login = user.user.login.as_mut().ok_or_else(|| no_login(&name))?;
        if let Some(password) = &input.password {
            login.hash = hash(&salt, password);
            login.salt.clone_from(&salt);
            login.changed = now;
        }
        login.reset_required = input.password_reset_required.unwrap_or(login.reset_required);
        Ok(())
    };
    change_entity(&identity, &ctx, Kind::User, input.user_name, change).await.map(|_| ())
}

/// What ChangePassword takes.
#[derive(Shape)]
pub(crate) struct ChangePasswordInput {
    old_password: String,
    new_password: String,
}

pub(crate) async fn change_password(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ChangePasswordInput,
) -> Result<(), IamError> {
    let Principal::User { name, .. } = &ctx.principal else {
        return Err(IamError::Validation("Must specify userName when calling with non-User credentials".into()));
    };
    check_for(&identity, &ctx.account, &input.new_password)?;
    let (salt, now, name) = (Uuid::new_v4().to_string(), identity.now(), name.clone());
    let change = move |user: &mut Entity| {
        let name = user.name.clone();
        let login = user.user.login.as_mut().ok_or_else(|| no_login(&name))?;
        if login.hash != hash(&login.salt, &input.old_password) {
            return Err(IamError::AccessDenied("The old password was incorrect.".into()));
        }
        login.hash = hash(&salt, &input.new_password);
        login.salt.clone_from(&salt);
        (login.changed, login.reset_required) = (now, false);
        Ok(())
    };
    change_entity(&identity, &ctx, Kind::User, name, change).await.map(|_| ())
}

/// What UpdateAccountPasswordPolicy takes.
#[derive(Shape, Clone)]
pub(crate) struct UpdatePasswordPolicyInput {
    minimum_password_length: Option<i64>,
    require_symbols: Option<bool>,
    require_numbers: Option<bool>,
    require_uppercase_characters: Option<bool>,
    require_lowercase_characters: Option<bool>,
    allow_users_to_change_password: Option<bool>,
    max_password_age: Option<i64>,
    password_reuse_prevention: Option<i64>,
    hard_expiry: Option<bool>,
}

pub(crate) async fn update_account_password_policy(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: UpdatePasswordPolicyInput,
) -> Result<(), IamError> {
    // What is left out falls back to its default, not to what it was.
    let policy = PasswordPolicy {
        min_length: input.minimum_password_length.unwrap_or(6),
        symbols: input.require_symbols.unwrap_or(false),
        numbers: input.require_numbers.unwrap_or(false),
        uppercase: input.require_uppercase_characters.unwrap_or(false),
        lowercase: input.require_lowercase_characters.unwrap_or(false),
        users_may_change: input.allow_users_to_change_password.unwrap_or(false),
        max_age: input.max_password_age.filter(|age| *age > 0),
        reuse_prevention: input.password_reuse_prevention,
        hard_expiry: input.hard_expiry,
    };
    identity
        .clone()
        .change(move |tx| {
            let mut record = tx.get(&ACCOUNTS, &ctx.account)?.unwrap_or_default();
            record.password_policy = Some(policy.clone());
            tx.put(&ACCOUNTS, &ctx.account, &record)?;
            Ok(())
        })
        .await
}

/// The account's password policy.
#[derive(Shape)]
pub(crate) struct PasswordPolicyOutput {
    password_policy: PasswordPolicyShape,
}

#[derive(Shape)]
struct PasswordPolicyShape {
    minimum_password_length: Option<i64>,
    require_symbols: Option<bool>,
    require_numbers: Option<bool>,
    require_uppercase_characters: Option<bool>,
    require_lowercase_characters: Option<bool>,
    allow_users_to_change_password: Option<bool>,
    expire_passwords: Option<bool>,
    max_password_age: Option<i64>,
    password_reuse_prevention: Option<i64>,
    hard_expiry: Option<bool>,
}

pub(crate) async fn get_account_password_policy(
    identity: Arc<Identity>,
    ctx: Ctx,
    (): (),
) -> Result<PasswordPolicyOutput, IamError> {
    let record = identity.read(|tx| Ok(tx.get(&ACCOUNTS, &ctx.account)?))?;
    let policy = record.and_then(|record| record.password_policy).ok_or_else(|| {
        IamError::NoSuchEntity(format!("The Password Policy with domain name {} cannot be found.", ctx.account))
    })?;
    Ok(PasswordPolicyOutput {
        password_policy: PasswordPolicyShape {
            minimum_password_length: Some(policy.min_length),
            require_symbols: Some(policy.symbols),
            require_numbers: Some(policy.numbers),
            require_uppercase_characters: Some(policy.uppercase),
            require_lowercase_characters: Some(policy.lowercase),
            allow_users_to_change_password: Some(policy.users_may_change),
            expire_passwords: Some(policy.max_age.is_some()),
            max_password_age: policy.max_age,
            password_reuse_prevention: policy.reuse_prevention,
            hard_expiry: policy.hard_expiry,
        },
    })
}

pub(crate) async fn delete_account_password_policy(identity: Arc<Identity>, ctx: Ctx, (): ()) -> Result<(), IamError> {
    identity
        .clone()
        .change(move |tx| {
            let mut record = tx.get(&ACCOUNTS, &ctx.account)?.unwrap_or_default();
            if record.password_policy.take().is_none() {
                let text = "The account policy with name PasswordPolicy cannot be found.";
                return Err(IamError::NoSuchEntity(text.into()));
            }
            tx.put(&ACCOUNTS, &ctx.account, &record)?;
            Ok(())
        })
        .await
}
