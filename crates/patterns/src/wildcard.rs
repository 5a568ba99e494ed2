//! `*` stands for any text; `\*` and `\\` for themselves.

/// The texts between the wildcards.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wildcard {
    pieces: Vec<String>,
}

impl Wildcard {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = vec![String::new()];
        let mut letters = text.chars().enumerate().peekable();
        while let Some((index, letter)) = letters.next() {
            // Positions count from the quote before the text.
            let position = index + 1;
            match letter {
                '*' => {
                    if letters.peek().is_some_and(|(_, next)| *next == '*') {
                        return Err(format!("Consecutive wildcard characters at pos {position}"));
                    }
                    pieces.push(String::new());
                }
                '\\' => match letters.next() {
                    Some((_, escaped @ ('*' | '\\'))) => push(&mut pieces, escaped),
                    _ => return Err(format!("Invalid escape character at pos {position}")),
                },
                letter => push(&mut pieces, letter),
            }
        }
        Ok(Self { pieces })
    }

    /// Whether matching it could take many possibilities at once: AWS refuses such patterns. Counted are the places of the pattern that
    /// may be reached by the same text, the worst of which is the pattern's own without its wildcards. AWS does not say how many are
    /// too many: `*:*:*:*:*:event-bus/*` (eleven) is, `/Users/*/dir/dir/dir/dir/dir/doc.txt` (seven) is not.
    pub(crate) fn is_too_complex(&self) -> bool {
        const MOST: usize = 10;
        let mut steps: Vec<Option<char>> = Vec::new();
        for (index, piece) in self.pieces.iter().enumerate() {
            if index > 0 {
                steps.push(None);
            }
            steps.extend(piece.chars().map(Some));
        }
        // Places before each step; a wildcard's can be stayed in, or left without a letter.
        let skip = |place: usize, reached: &mut std::collections::BTreeSet<usize>| {
            reached.insert(place);
            if steps.get(place) == Some(&None) {
                reached.insert(place + 1);
            }
        };
        let mut active = std::collections::BTreeSet::new();
        skip(0, &mut active);
        for letter in steps.iter().flatten() {
            let mut next = std::collections::BTreeSet::new();
            for place in active {
                match steps.get(place) {
                    Some(None) => skip(place, &mut next),
                    Some(Some(own)) if own == letter => skip(place + 1, &mut next),
                    _ => {}
                }
            }
            if next.len() > MOST {
                return true;
            }
            active = next;
        }
        false
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.pieces.split_first() else { return false };
        let Some((last, middle)) = rest.split_last() else { return text == first };
        let Some(mut text) = text.strip_prefix(first.as_str()) else { return false };
        // Taking each piece where it first occurs leaves the most for those that follow.
        for piece in middle {
            let Some(at) = text.find(piece.as_str()) else { return false };
            text = text.get(at + piece.len()..).unwrap_or_default();
        }
        text.ends_with(last.as_str())
    }
}

fn push(pieces: &mut [String], letter: char) {
    if let Some(piece) = pieces.last_mut() {
        piece.push(letter);
    }
}
