//! AWS Lambda: a file for each family of operations.

pub(crate) mod aliases;
pub(crate) mod checks;
pub(crate) mod code_signing;
pub(crate) mod concurrency;
pub(crate) mod create_function;
pub(crate) mod delete_function;
pub(crate) mod get_function;
pub(crate) mod invoke;
pub(crate) mod invoke_config;
pub(crate) mod invoke_stream;
pub(crate) mod layer_permissions;
pub(crate) mod layers;
pub(crate) mod list_functions;
pub(crate) mod permissions;
pub(crate) mod provisioned;
pub(crate) mod settings;
pub(crate) mod shapes;
pub(crate) mod tags;
pub(crate) mod update_function;
pub(crate) mod urls;
pub(crate) mod versions;

/// A page of a list, and the marker of the next one: what the last item shown is named. After an item that is gone there is
/// nothing.
pub(crate) fn page<T>(
    all: Vec<T>,
    marker: Option<&str>,
    max_items: Option<i64>,
    most: usize,
    name: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let most = max_items.and_then(|items| usize::try_from(items).ok()).unwrap_or(most).clamp(1, most);
    let start = match marker {
        Some(marker) => all.iter().position(|item| name(item) == marker).map_or(all.len(), |place| place + 1),
        None => 0,
    };
    let left = all.len().saturating_sub(start);
    let page: Vec<T> = all.into_iter().skip(start).take(most).collect();
    let next = page.last().filter(|_| left > most).map(name);
    (page, next)
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn pages_join_up() {
        let all = || vec!["a", "b", "c"];
        let name = |item: &&str| (*item).to_owned();
        assert_eq!(page(all(), None, Some(2), 50, name), (vec!["a", "b"], Some("b".to_owned())));
        assert_eq!(page(all(), Some("b"), Some(2), 50, name), (vec!["c"], None));
        assert_eq!(page(all(), None, None, 50, name), (all(), None));
        assert_eq!(page(all(), Some("gone"), None, 50, name), (Vec::new(), None));
    }
}
