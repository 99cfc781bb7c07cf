//! What filters match. Other backends say the same in their own language.

use guidepost_core::id::StateId;

/// Whether all words occur in one of the texts.
pub(super) fn has_words<'a>(
    words: &[String],
    texts: impl IntoIterator<Item = Option<&'a str>>,
) -> bool {
    let texts: Vec<String> = texts.into_iter().flatten().map(str::to_ascii_lowercase).collect();
    words.iter().all(|word| texts.iter().any(|text| text.contains(word.as_str())))
}

/// Whether a state's path or its last segment is what a filter names.
pub(super) fn is_state(path: &str, wanted: &str) -> bool {
    path == wanted || StateId::from(path).name() == wanted
}
