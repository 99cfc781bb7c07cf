//! What the backends share in reading filters: words, cursors, page sizes.

use crate::{PAGE_ITEMS, Page};

/// The words of a query in lower case. Only ASCII letters are folded, since that is what SQL's `lower` does.
pub(crate) fn words(query: Option<&str>) -> Vec<String> {
    query.unwrap_or_default().split_whitespace().map(str::to_ascii_lowercase).collect()
}

/// How many items a page has.
pub(crate) fn page_items(limit: usize) -> usize {
    if limit == 0 { PAGE_ITEMS } else { limit }
}

/// The first `limit` items, and the cursor of the last of them if there are more.
pub(crate) fn page<T>(
    items: impl IntoIterator<Item = T>,
    limit: usize,
    cursor: impl FnOnce(&T) -> String,
) -> Page<T> {
    let mut items: Vec<T> = items.into_iter().take(limit.saturating_add(1)).collect();
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = if has_more { items.last().map(cursor) } else { None };
    Page { items, next }
}
