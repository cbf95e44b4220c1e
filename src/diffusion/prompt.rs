//! Owns the small language of prompts that people know from other programs: `(word)`, `(word:1.3)`, `[word]`, escapes with a
//! backslash, BREAK, and `<lora:name:0.8>`. Used by the pipeline's texts and by the engine. Must never tokenize.
//!
//! `(…)` multiplies the weight of what is inside by 1.1, `[…]` divides it by 1.1, `(…:1.3)` multiplies by the number. Brackets nest;
//! one that is never closed reaches to the end. BREAK between words begins a new chunk of tokens.

/// What a pair of round brackets multiplies by.
const MORE: f32 = 1.1;

/// A stretch of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub enum Span {
    /// Text that counts by a weight.
    Text(String, f32),
    /// The next text begins a new chunk.
    Break,
}

/// A prompt as weighted stretches; neighbours of one weight are joined.
pub fn parse(prompt: &str) -> Vec<Span> {
    let mut runs: Vec<(String, f32)> = Vec::new();
    let (mut round, mut square) = (Vec::new(), Vec::new());
    let multiply = |runs: &mut Vec<(String, f32)>, from: usize, by: f32| {
        for (_, weight) in runs.iter_mut().skip(from) {
            *weight *= by;
        }
    };
    let mut rest = prompt;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        match c {
            '\\' => {
                let next = rest[taken..].chars().next();
                let escaped = next.filter(|n| "()[]\\".contains(*n));
                taken += escaped.map_or(0, char::len_utf8);
                push(&mut runs, &escaped.unwrap_or('\\').to_string());
            }
            '(' => round.push(runs_end(&mut runs)),
            '[' => square.push(runs_end(&mut runs)),
            ')' => match round.pop() {
                Some(from) => multiply(&mut runs, from, MORE),
                None => push(&mut runs, ")"),
            },
            ']' => match square.pop() {
                Some(from) => multiply(&mut runs, from, 1.0 / MORE),
                None => push(&mut runs, "]"),
            },
            ':' => match (number_before_bracket(rest), round.is_empty()) {
                (Some((weight, length)), false) => {
                    taken = length;
                    let from = round.pop().unwrap_or(0);
                    multiply(&mut runs, from, weight);
                }
                _ => push(&mut runs, ":"),
            },
            _ => {
                let end = rest
                    .find(['\\', '(', ')', '[', ']', ':'])
                    .unwrap_or(rest.len());
                taken = end.max(taken);
                push(&mut runs, &rest[..taken]);
            }
        }
        if matches!(c, ')' | ']' | ':') {
            // Text behind a closed bracket is a run of its own.
            runs_end(&mut runs);
        }
        rest = &rest[taken..];
    }
    for from in round {
        multiply(&mut runs, from, MORE);
    }
    for from in square {
        multiply(&mut runs, from, 1.0 / MORE);
    }
    spans(runs)
}

/// Appends to the last run.
fn push(runs: &mut Vec<(String, f32)>, text: &str) {
    match runs.last_mut() {
        Some((last, _)) => last.push_str(text),
        None => runs.push((text.to_owned(), 1.0)),
    }
}

/// Begins a new run and returns its place.
fn runs_end(runs: &mut Vec<(String, f32)>) -> usize {
    runs.push((String::new(), 1.0));
    runs.len() - 1
}

/// The number of `:1.3)` and how many bytes that is.
fn number_before_bracket(text: &str) -> Option<(f32, usize)> {
    let inner = &text[1..text.find(')')?];
    let number = inner.trim();
    let plain = number
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '.' | '+' | '-'));
    let weight: f32 = number
        .parse()
        .ok()
        .filter(|w: &f32| plain && w.is_finite())?;
    Some((weight, inner.len() + 2))
}

/// Joins runs of one weight and takes the word BREAK out.
fn spans(runs: Vec<(String, f32)>) -> Vec<Span> {
    let mut joined: Vec<(String, f32)> = Vec::new();
    for (text, weight) in runs {
        if text.is_empty() {
            continue;
        }
        match joined.last_mut() {
            Some((last, w)) if *w == weight => last.push_str(&text),
            _ => joined.push((text, weight)),
        }
    }
    let mut out = Vec::new();
    for (text, weight) in joined {
        let parts = split_at_breaks(&text);
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                out.push(Span::Break);
            }
            if !part.is_empty() {
                out.push(Span::Text((*part).to_owned(), weight));
            }
        }
    }
    out
}

/// The text's parts between whole words BREAK.
fn split_at_breaks(text: &str) -> Vec<&str> {
    const WORD: &str = "BREAK";
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut parts, mut from, mut search) = (Vec::new(), 0, 0);
    while let Some(found) = text[search..].find(WORD) {
        let (start, end) = (search + found, search + found + WORD.len());
        let alone = !text[..start].ends_with(is_word) && !text[end..].starts_with(is_word);
        if alone {
            parts.push(text[from..start].trim_end());
            from = end + (text[end..].len() - text[end..].trim_start().len());
        }
        search = end;
    }
    parts.push(&text[from..]);
    parts
}

/// Takes every `<lora:name:weight>` out of a prompt: what is left, and the names with their weights (1 where none is given).
pub fn take_loras(prompt: &str) -> (String, Vec<(String, f32)>) {
    const MARK: &str = "<lora:";
    let (mut text, mut loras) = (String::new(), Vec::new());
    let mut rest = prompt;
    while let Some(at) = rest.find(MARK) {
        let behind = &rest[at + MARK.len()..];
        let Some(end) = behind.find('>') else {
            break;
        };
        let mut words = behind[..end].split(':');
        let name = words.next().unwrap_or_default().trim();
        let weight = words
            .next()
            .map_or(Some(1.0), |w| w.trim().parse::<f32>().ok());
        text.push_str(&rest[..at]);
        match weight.filter(|w| w.is_finite() && !name.is_empty()) {
            Some(weight) => loras.push((name.to_owned(), weight)),
            // Not one of ours: it stays, as text.
            None => text.push_str(&rest[at..=at + MARK.len() + end]),
        }
        rest = &behind[end + 1..];
    }
    text.push_str(rest);
    (text, loras)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(prompt: &str) -> Vec<(String, f32)> {
        let text = |span| match span {
            Span::Text(text, weight) => (text, (weight * 1e4).round() / 1e4),
            Span::Break => ("BREAK".to_owned(), -1.0),
        };
        parse(prompt).into_iter().map(text).collect()
    }

    fn check(prompt: &str, want: &[(&str, f32)]) {
        let want: Vec<(String, f32)> = want.iter().map(|(t, w)| ((*t).to_owned(), *w)).collect();
        assert_eq!(weights(prompt), want, "{prompt}");
    }

    #[test]
    fn brackets_weigh() {
        check("plain text", &[("plain text", 1.0)]);
        check(
            "an (important) word",
            &[("an ", 1.0), ("important", 1.1), (" word", 1.0)],
        );
        check("(never closed", &[("never closed", 1.1)]);
        check("\\(as it is\\]", &[("(as it is]", 1.0)]);
        check("(two)(pairs)", &[("twopairs", 1.1)]);
        check(
            "[less] (more:1.5)",
            &[("less", 0.9091), (" ", 1.0), ("more", 1.5)],
        );
        check(
            "time: 12:30 (clock)",
            &[("time: 12:30 ", 1.0), ("clock", 1.1)],
        );
        check("a) b] \\ c", &[("a) b] \\ c", 1.0)]);
        check(
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            &[
                ("a ", 1.0),
                ("house", 1.573),
                (" ", 1.1),
                ("on", 1.0),
                (" a ", 1.1),
                ("hill", 0.55),
                (", sun, ", 1.1),
                ("sky", 1.4641),
                (".", 1.1),
            ],
        );
        check("", &[]);
        check("((((", &[]);
        check("(x:nan) (y:)", &[("x:nan", 1.1), (" ", 1.0), ("y:", 1.1)]);
        check("ü(ß:2)é", &[("ü", 1.0), ("ß", 2.0), ("é", 1.0)]);
    }

    #[test]
    fn breaks_stand_alone() {
        check(
            "red BREAK blue",
            &[("red", 1.0), ("BREAK", -1.0), ("blue", 1.0)],
        );
        check("BREAKFAST unBREAK", &[("BREAKFAST unBREAK", 1.0)]);
        check("(a BREAK b)", &[("a", 1.1), ("BREAK", -1.0), ("b", 1.1)]);
        check("BREAK", &[("BREAK", -1.0)]);
    }

    #[test]
    fn loras_are_taken_out() {
        let (text, loras) =
            take_loras("a cat <lora:soft light:0.8>, <lora:x> <lora:bad:w> <lora:open");
        assert_eq!(text, "a cat ,  <lora:bad:w> <lora:open");
        assert_eq!(
            loras,
            [("soft light".to_owned(), 0.8), ("x".to_owned(), 1.0)]
        );
    }
}
