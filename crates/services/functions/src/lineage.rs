//! The functions that an event has passed through, in its trace header, by which a function that calls itself is stopped.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>

use sha2::{Digest, Sha256};

/// How often an event may pass through a function.
pub(crate) const MOST: u32 = 16;

/// The trace header after another pass through this function, and which pass it is: `Root=…;Lineage=a87bd80c:1|68fd508a:5`.
pub(crate) fn extended(trace: &str, function_arn: &str) -> (String, u32) {
    let digest = Sha256::digest(function_arn.as_bytes());
    let own = hex::encode(digest.get(..4).unwrap_or_default());
    let (mut others, mut passes): (Vec<String>, Vec<(String, u32)>) = (Vec::new(), Vec::new());
    for part in trace.split(';').filter(|part| !part.is_empty()) {
        let Some(lineage) = part.strip_prefix("Lineage=") else {
            others.push(part.to_owned());
            continue;
        };
        let entries = lineage.split('|').filter_map(|entry| entry.rsplit_once(':'));
        passes.extend(entries.filter_map(|(name, count)| Some((name.to_owned(), count.parse().ok()?))));
    }
    let times = match passes.iter_mut().find(|(name, _)| *name == own) {
        Some((_, count)) => {
            *count = count.saturating_add(1);
            *count
        }
        None => {
            passes.push((own, 1));
            1
        }
    };
    let lineage: Vec<String> = passes.iter().map(|(name, count)| format!("{name}:{count}")).collect();
    others.push(format!("Lineage={}", lineage.join("|")));
    (others.join(";"), times)
}

#[cfg(test)]
mod tests {
    use super::extended;

    #[test]
    fn passes_are_counted_by_function() {
        let (once, times) = extended("Root=1-a-b;Parent=c;Sampled=0", "one");
        assert!(once.starts_with("Root=1-a-b;Parent=c;Sampled=0;Lineage=") && times == 1);
        let (other, times) = extended(&once, "two");
        assert_eq!(times, 1);
        let (twice, times) = extended(&other, "one");
        assert_eq!((times, twice.matches(":2").count(), twice.matches("Lineage").count()), (2, 1, 1));
    }
}
