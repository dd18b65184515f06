//! Which bytes of a SQLite file nobody reads, each with the name of what it is.
//!
//! After SQLite's published file format. Whatever is not named here carries meaning.

use std::{collections::BTreeMap, ops::Range};

/// A file, and what is known of its bytes.
pub(super) struct Pages<'a> {
    bytes: &'a [u8],
    size: usize,
    /// Whether the tree that is walked is the schema's own.
    schema: bool,
    idle: BTreeMap<usize, (usize, &'static str)>,
}

/// The header's fields that only steer SQLite's caches or tell of its own releases.
const HEADER: [(Range<usize>, &str); 5] = [
    (24..28, "header: how often the file was changed"),
    (40..44, "header: how often the schema was changed"),
    (48..52, "header: how many pages a connection would like to cache"),
    (92..96, "header: at which change the next field was written"),
    (96..100, "header: which SQLite wrote last"),
];

impl<'a> Pages<'a> {
    /// Walks the file from its root pages, the schema's own among them.
    pub(super) fn of(bytes: &'a [u8], roots: &[usize]) -> Self {
        let size = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
        let mut pages = Self { bytes, size, schema: false, idle: BTreeMap::new() };
        for (range, what) in HEADER {
            pages.is_idle(range, what);
        }
        for root in roots {
            pages.schema = *root == 1;
            pages.tree(*root);
        }
        pages.free();
        pages
    }

    /// What a byte is, if nobody reads it.
    pub(super) fn idle(&self, at: usize) -> Option<&'static str> {
        let (_, (end, what)) = self.idle.range(..=at).next_back()?;
        (at < *end).then_some(*what)
    }

    fn is_idle(&mut self, range: Range<usize>, what: &'static str) {
        if !range.is_empty() {
            self.idle.insert(range.start, (range.end, what));
        }
    }

    fn short(&self, at: usize) -> usize {
        usize::from(u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]]))
    }

    fn long(&self, at: usize) -> usize {
        let bytes = self.bytes[at..at + 4].try_into().unwrap();
        usize::try_from(u32::from_be_bytes(bytes)).unwrap()
    }

    /// SQLite's integer of one to nine bytes, and where it ends.
    fn varint(&self, at: usize) -> (usize, usize) {
        let mut value = 0;
        for place in 0..8 {
            let byte = usize::from(self.bytes[at + place]);
            value = value << 7 | byte & 0x7f;
            if byte < 0x80 {
                return (value, at + place + 1);
            }
        }
        (value << 8 | usize::from(self.bytes[at + 8]), at + 9)
    }

    fn tree(&mut self, page: usize) {
        let start = (page - 1) * self.size;
        let header = if page == 1 { start + 100 } else { start };
        let kind = self.bytes[header];
        let inner = kind == 2 || kind == 5;
        let (cells, after) = (self.short(header + 3), header + if inner { 12 } else { 8 });
        let mut content = match self.short(header + 5) {
            0 => 0x1_0000,
            content => content,
        };
        if cells == 0 {
            content = content.min(self.size);
        }
        self.is_idle(
            after + 2 * cells..start + content,
            "page: between its directory and its rows",
        );
        let mut freed = self.short(header + 1);
        let mut taken: Vec<Range<usize>> = vec![];
        while freed != 0 {
            let length = self.short(start + freed + 2);
            self.is_idle(start + freed + 4..start + freed + length, "page: where a row was");
            taken.push(start + freed..start + freed + length);
            freed = self.short(start + freed);
        }
        for cell in 0..cells {
            let at = start + self.short(after + 2 * cell);
            taken.push(at..self.cell(kind, at));
        }
        // What is left between rows, fewer than four bytes at a time, is counted in the page's header.
        taken.sort_by_key(|range| range.start);
        let mut end = start + content;
        for range in taken {
            self.is_idle(end..range.start, "page: a gap of a few bytes between rows");
            end = range.end;
        }
        self.is_idle(end..start + self.size, "page: a gap of a few bytes between rows");
        if inner {
            for cell in 0..cells {
                let at = start + self.short(after + 2 * cell);
                self.tree(self.long(at));
            }
            self.tree(self.long(header + 8));
        }
    }

    /// Where a cell ends; its overflow pages are walked.
    fn cell(&mut self, kind: u8, at: usize) -> usize {
        let (payload, body) = match kind {
            5 => return self.varint(at + 4).1,
            2 => self.varint(at + 4),
            13 => {
                let (payload, next) = self.varint(at);
                let end = self.varint(next).1;
                // Tables, views and triggers are found by their names.
                let number = if self.schema { next..end } else { end..end };
                self.is_idle(number, "schema: the number of a row");
                (payload, end)
            }
            _ => self.varint(at),
        };
        if kind == 13 {
            // A number of the row's own is not written twice; whatever stands there is not looked at.
            let first = self.varint(body).1;
            let absent = self.bytes[first] == 0;
            self.is_idle(first..first + usize::from(absent), "row: in place of its own number");
        }
        let most = if kind == 13 { self.size - 35 } else { (self.size - 12) * 64 / 255 - 23 };
        if payload <= most {
            // A cell has room for a freed block's header at least.
            return (body + payload).max(at + 4);
        }
        let least = (self.size - 12) * 32 / 255 - 23;
        let fitting = least + (payload - least) % (self.size - 4);
        let local = if fitting <= most { fitting } else { least };
        self.overflow(self.long(body + local), payload - local);
        body + local + 4
    }

    fn overflow(&mut self, mut page: usize, mut left: usize) {
        while page != 0 {
            let start = (page - 1) * self.size;
            let here = left.min(self.size - 4);
            self.is_idle(start + 4 + here..start + self.size, "page: behind the end of a long row");
            left -= here;
            page = self.long(start);
        }
    }

    fn free(&mut self) {
        let mut trunk = self.long(32);
        while trunk != 0 {
            let start = (trunk - 1) * self.size;
            let leaves = self.long(start + 4);
            self.is_idle(start + 8 + 4 * leaves..start + self.size, "free page: behind its list");
            for leaf in 0..leaves {
                let page = (self.long(start + 8 + 4 * leaf) - 1) * self.size;
                self.is_idle(page..page + self.size, "free page");
            }
            trunk = self.long(start);
        }
    }
}
