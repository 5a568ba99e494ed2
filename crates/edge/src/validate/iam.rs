//! IAM's words for input that its model does not allow, as its answers show them.

use super::{Problem, Problems, counted};

/// The pattern of names, as the model writes it.
const NAME: &str = r"[\w+=,.@-]+";
/// The pattern of paths.
const PATH: &str = r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)";

/// The text of `ValidationError`. Names and paths are checked behind the rest, one at a time and in a sentence of their own;
/// the rest is told without the values, and in the order in which Java's `HashMap` has the members' names.
pub(super) fn text(problems: &Problems) -> String {
    let (late, mut first): (Vec<&Problem>, Vec<&Problem>) = problems.0.iter().partition(|one| own_words(one).is_some());
    if let (true, Some(text)) = (first.is_empty(), late.first().and_then(|one| own_words(one))) {
        return text;
    }
    first.sort_by_key(|problem| java_bucket(problem.path.split('.').next().unwrap_or_default()));
    let sentence = |problem: &&Problem| {
        format!("Value at '{}' failed to satisfy constraint: {}", problem.path, problem.constraint)
    };
    counted(first.iter().map(sentence).collect())
}

fn own_words(problem: &Problem) -> Option<String> {
    let pattern = problem.constraint.strip_prefix("Member must satisfy regular expression pattern: ")?;
    let rule = match pattern {
        NAME => "It must contain only alphanumeric characters and/or the following: +=,.@_-",
        PATH => "It must begin and end with / and contain only alphanumeric characters and/or / characters.",
        _ => return None,
    };
    Some(format!("The specified value for {} is invalid. {rule}", problem.path))
}

/// Where a small `HashMap` of Java keeps a text.
fn java_bucket(text: &str) -> u32 {
    let hash = text.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash ^ (hash >> 16)) & 15
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(path: &str, constraint: &str) -> Problem {
        Problem { path: path.to_owned(), member: "", value: Some("1".to_owned()), constraint: constraint.to_owned() }
    }

    #[test]
    fn values_are_left_out_and_the_order_is_of_its_own() {
        let members = ["maxPasswordAge", "minimumPasswordLength", "passwordReusePrevention"];
        let text = text(&Problems(members.map(|path| problem(path, "Member must not be null")).into()));
        let said: Vec<&str> = text.split('\'').skip(1).step_by(2).collect();
        assert_eq!(said, ["minimumPasswordLength", "passwordReusePrevention", "maxPasswordAge"]);
        assert!(text.starts_with("3 validation errors detected: Value at 'minimumPasswordLength' failed to satisfy"));
    }

    #[test]
    fn names_and_paths_have_sentences_of_their_own() {
        let name = problem("userName", &format!("Member must satisfy regular expression pattern: {NAME}"));
        let long = problem("path", "Member must have length less than or equal to 512");
        let expected = "The specified value for userName is invalid. It must contain only alphanumeric characters and/or \
                        the following: +=,.@_-";
        assert_eq!(text(&Problems(vec![name.clone()])), expected);
        assert!(text(&Problems(vec![name, long])).starts_with("1 validation error detected: Value at 'path'"));
    }
}
