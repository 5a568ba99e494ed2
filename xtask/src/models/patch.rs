//! `<name>.patch`: what botocore's model leaves out, written as the model itself is.
//!
//! A block names what it changes and says only what is new: an attribute is added or replaced, `-key` takes one away;
//! a line that starts with the same word is merged in the same way, another is added; the values of `errors` and `enum` are added, `-NAME` takes one
//! away. A block that starts with `new` must not exist yet; all others must.

use anyhow::{Context as _, Result, bail};
use pilvi_model::format::{self, Block};

use super::document::{Document, Entry};

pub(crate) fn apply(document: &mut Document, patch: &str) -> Result<()> {
    for block in format::blocks(patch)? {
        apply_block(document, &block).with_context(|| format!("line {}", block.head.number))?;
    }
    Ok(())
}

fn apply_block(document: &mut Document, block: &Block<'_>) -> Result<()> {
    let (is_new, head) = match block.head.text.strip_prefix("new ") {
        Some(head) => (true, head),
        None => (false, block.head.text),
    };
    let mut words = head.split(' ');
    let keyword = words.next().unwrap_or_default();
    let name = words.next().with_context(|| format!("{keyword} without a name"))?;
    let entries = match keyword {
        "service" => None,
        "operation" => Some(&mut document.operations),
        _ => Some(&mut document.shapes),
    };
    let entry = match entries {
        None => &mut document.service,
        Some(entries) => {
            match (is_new, entries.contains_key(name)) {
                (true, true) => bail!("{name} exists already"),
                (false, false) => bail!("{name} does not exist"),
                (false, true) => {}
                (true, false) => {
                    let body = block.body.iter().map(|line| line.text.to_owned()).collect();
                    entries.insert(name.to_owned(), Entry { head: head.to_owned(), body });
                    return Ok(());
                }
            }
            entries.get_mut(name).context("just seen")?
        }
    };
    if entry.head.split(' ').next() != Some(keyword) {
        bail!("{name} is not a {keyword}: {}", entry.head);
    }
    entry.head = merge(&entry.head, head, positional(keyword))?;
    for line in &block.body {
        merge_line(entry, keyword, line.text)?;
    }
    Ok(())
}

/// How many words of a head line stand before its attributes.
fn positional(keyword: &str) -> usize {
    match keyword {
        "operation" => 5,
        "map" => 4,
        "service" | "list" => 3,
        _ => 2,
    }
}

fn merge_line(entry: &mut Entry, block: &str, line: &str) -> Result<()> {
    let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
    if let Some(key) = key.strip_prefix('-') {
        let before = entry.body.len();
        entry.body.retain(|existing| existing.split(' ').next() != Some(key));
        if entry.body.len() == before {
            bail!("there is no {key} to take away");
        }
        return Ok(());
    }
    let existing = entry.body.iter_mut().find(|existing| existing.split(' ').next() == Some(key));
    let Some(existing) = existing else {
        entry.body.push(line.to_owned());
        return Ok(());
    };
    match (block, key) {
        ("structure", _) => *existing = merge(existing, line, 2)?,
        ("operation", "input" | "output") => *existing = merge(existing, line, 2)?,
        (_, "errors" | "enum") => {
            for value in rest.split(' ') {
                match value.strip_prefix('-') {
                    None => existing.push_str(&format!(" {value}")),
                    Some(value) => {
                        let kept: Vec<&str> = existing.split(' ').filter(|word| *word != value).collect();
                        *existing = kept.join(" ");
                    }
                }
            }
        }
        _ => *existing = line.to_owned(),
    }
    Ok(())
}

/// `line` with the positional words and the attributes of `change`.
fn merge(line: &str, change: &str, positional: usize) -> Result<String> {
    let key_of = |word: &str| word.split('=').next().unwrap_or_default().to_owned();
    let change: Vec<&str> = change.split(' ').collect();
    if change.len() < positional {
        bail!("{positional} words stand before the attributes of {line:?}");
    }
    let (fixed, changes) = change.split_at(positional);
    let mut words: Vec<&str> = fixed.to_vec();
    words.extend(line.split(' ').skip(positional));
    for change in changes {
        if let Some(key) = change.strip_prefix('-') {
            words.retain(|word| key_of(word) != key);
            continue;
        }
        let key = key_of(change);
        match words.iter_mut().skip(positional).find(|word| key_of(word) == key) {
            Some(word) => *word = change,
            None => words.push(change),
        }
    }
    Ok(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let mut document = Document::default();
        let entry = |head: &str, body: &[&str]| Entry {
            head: head.to_owned(),
            body: body.iter().map(|&line| line.to_owned()).collect(),
        };
        document.service = entry("service a 1", &["protocols json1.0", "signing a"]);
        document.operations.insert("Get".into(), entry("operation Get POST / 200", &["errors A B"]));
        document.shapes.insert("A".into(), entry("structure A error", &["Message Text required", "Code Text"]));
        document.shapes.insert("Text".into(), entry("string Text min=1 max=5", &["pattern a b", "enum x y"]));
        document
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let mut document = document();
        let patch = "service a 1\n  protocols json1.0 query\n\
            operation Get POST / 201 idempotent\n  errors -A C\n\
            structure A query=X.A status=404\n  Code Text name=code\n  Extra Text\n\
            string Text max=9 -min\n  pattern c d\n  enum z -x\n\
            new list Texts Text\n";
        apply(&mut document, patch).unwrap();
        let expected = "service a 1\n  protocols json1.0 query\n  signing a\n\n\
            operation Get POST / 201 idempotent\n  errors B C\n\n\
            structure A error query=X.A status=404\n  Message Text required\n  Code Text name=code\n  Extra Text\n\
            string Text max=9\n  pattern c d\n  enum y z\nlist Texts Text\n";
        assert_eq!(document.to_text(), expected);
    }

    #[test]
    fn a_patch_of_nothing_is_refused() {
        let refused = |patch| format!("{:#}", apply(&mut document(), patch).unwrap_err());
        assert_eq!(refused("structure B\n"), "line 1: B does not exist");
        assert_eq!(refused("new structure A\n"), "line 1: A exists already");
        assert_eq!(refused("list A Text\n"), "line 1: A is not a list: structure A error");
    }
}
