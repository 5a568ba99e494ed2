//! Listings: a page of a table at a time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pilvi_bus::Ctx;
use pilvi_store::{Range, Store, StoreError, Table, Value};

use crate::errors::EventsError;
use crate::state::Key;

/// How many entries a page has where nobody says.
const MOST: usize = 100;

/// Which page is asked for.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) prefix: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) limit: Option<i64>,
}

impl Page {
    pub(crate) fn most(&self) -> usize {
        self.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MOST)
    }

    /// The name that the page before ended with.
    pub(crate) fn last(&self) -> Result<Option<String>, EventsError> {
        let Some(token) = &self.token else { return Ok(None) };
        let name = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        name.map(Some).ok_or_else(|| EventsError::Invalid("Parameter NextToken is not valid.".to_owned()))
    }

    /// The entries of a caller's table by name, those that are wanted, and the token of the next page.
    pub(crate) fn of<V: Value>(
        &self,
        store: &Store,
        ctx: &Ctx,
        table: &Table<Key, V>,
        wanted: impl Fn(&str, &V) -> bool,
    ) -> Result<Listing<V>, EventsError> {
        let scope = (ctx.account.as_str(), ctx.region.as_str());
        let mut range = Range::starts_with(&scope, self.prefix.as_deref().unwrap_or_default());
        if let Some(last) = self.last()? {
            range = range.after(&(scope.0, scope.1, last.as_str()));
        }
        store.read(|tx| {
            let entries = tx.range(table, range).map(|entry| entry.map(|((_, _, name), value)| (name, value)));
            self.take(entries, wanted)
        })
    }

    /// The page of entries that start behind the page before.
    pub(crate) fn take<V>(
        &self,
        entries: impl Iterator<Item = Result<(String, V), StoreError>>,
        wanted: impl Fn(&str, &V) -> bool,
    ) -> Result<Listing<V>, EventsError> {
        let mut listing = Listing { entries: Vec::new(), next: None };
        for entry in entries {
            let (name, value) = entry?;
            if !wanted(&name, &value) {
                continue;
            }
            if listing.entries.len() == self.most() {
                listing.next = listing.entries.last().map(|(name, _)| STANDARD.encode(name));
                break;
            }
            listing.entries.push((name, value));
        }
        Ok(listing)
    }
}

/// A page.
pub(crate) struct Listing<V> {
    pub(crate) entries: Vec<(String, V)>,
    pub(crate) next: Option<String>,
}

impl<V> Listing<V> {
    /// The entries as an answer shows them, and the next token.
    pub(crate) fn show<T>(self, show: impl Fn(String, V) -> T) -> (Option<Vec<T>>, Option<String>) {
        (Some(self.entries.into_iter().map(|(name, value)| show(name, value)).collect()), self.next)
    }
}
