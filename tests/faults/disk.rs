//! What a power cut leaves: worked out from what a server was told to have written and synced.
//!
//! A page (4 KiB) that was written lies in memory until its file is synced; a sync that fails drops
//! it from memory as if it had been written, as Linux does: a later sync that succeeds says nothing
//! about it. When the power fails, each sector (512 bytes) of what lies in memory may or may not have
//! reached the disk, and so may each change of a length. Names survive.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Read as _,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use crate::crash::chance::Chance;

const PAGE: usize = 4096;
const SECTOR: usize = 512;
const NOTE: usize = 24;
/// Odds are so many.
const ALL: u64 = 16;

type Page = Box<[u8; PAGE]>;
type Pages = BTreeMap<u64, Page>;

/// A file as it lies in memory and on the disk.
#[derive(Default, Clone)]
struct Disk {
    memory: Pages,
    lasting: Pages,
    /// Written, and not synced since.
    dirty: BTreeSet<u64>,
    length: u64,
    lasting_length: u64,
    /// Whether the shim told of it at all.
    told: bool,
    /// Under way, in the order in which they began.
    syncing: BTreeMap<u64, Sync>,
    /// How many began, and which of them those under way are, by the names that the shim gives them:
    /// the names of a later server may be lower ones.
    begun: u64,
    named: BTreeMap<u64, u64>,
    /// Which sync brought a page, or the length, to the disk: one that began earlier and ends later
    /// brings nothing older.
    brought: BTreeMap<u64, u64>,
    length_brought: u64,
}

/// What a sync that is under way brings.
#[derive(Clone)]
struct Sync {
    pages: Pages,
    length: u64,
}

/// A directory at the moment when a server started on it, all of it on disk.
pub(crate) struct Before(BTreeMap<u64, Disk>);

impl Before {
    pub(crate) fn of(directory: &Path) -> Self {
        let files = files(directory).into_iter();
        Self(files.map(|path| (number(&path), Disk::of(&path))).collect())
    }

    /// Leaves in the directory what a power cut would have: the server that told `log` was killed.
    pub(crate) fn cut_power(self, log: &Path, directory: &Path, chance: &mut Chance) {
        let mut disks = self.0;
        replay(&fs::read(log).unwrap_or_default(), &mut disks, chance);
        // Nearly everything, about half or nearly nothing of what was in flight comes through.
        let odds = [1, ALL / 2, ALL - 1][usize::try_from(chance.below(3)).unwrap()];
        for path in files(directory) {
            if path.to_string_lossy().ends_with("-shm") {
                fs::remove_file(&path).unwrap();
            } else if let Some(disk) = disks.get(&number(&path)).filter(|disk| disk.told) {
                disk.leave(&path, chance, odds);
            }
        }
    }
}

fn number(path: &Path) -> u64 {
    path.metadata().unwrap().ino()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// How long the first note is, if all of it is there.
fn whole(log: &[u8]) -> Option<usize> {
    let length = log.get(4..8)?.try_into().ok().map(u32::from_ne_bytes)?;
    let end = NOTE + usize::try_from(length).unwrap();
    (log.len() >= end).then_some(end)
}

/// Takes away a note that a kill cut off in the middle: the next server tells behind it.
pub(crate) fn end_whole(log: &Path) {
    let told = fs::read(log).unwrap_or_default();
    let mut end = 0;
    while let Some(length) = whole(&told[end..]) {
        end += length;
    }
    if end < told.len() {
        let file = File::options().write(true).open(log).unwrap();
        file.set_len(end.try_into().unwrap()).unwrap();
    }
}

/// Does again what the shim told. A note that was cut off in the middle is the last.
fn replay(mut log: &[u8], disks: &mut BTreeMap<u64, Disk>, chance: &mut Chance) {
    while let Some(end) = whole(log) {
        let word = |at: usize| u64::from_ne_bytes(log[at..at + 8].try_into().unwrap());
        let (kind, done, file, at) = (log[0], log[1] == 1, word(8), word(16));
        let disk = disks.entry(file).or_default();
        disk.told = true;
        match kind {
            b'W' => disk.write(at, &log[NOTE..end]),
            b'T' => disk.truncate(at),
            b'S' => disk.begin_sync(at),
            b'E' => disk.end_sync(at, done, chance),
            b'U' => drop(disks.remove(&file)),
            other => panic!("the shim tells of {other}"),
        }
        log = &log[end..];
    }
}

fn split(at: u64) -> (u64, usize) {
    let page = u64::try_from(PAGE).unwrap();
    (at / page, usize::try_from(at % page).unwrap())
}

fn empty() -> Page {
    Box::new([0; PAGE])
}

impl Disk {
    fn of(path: &Path) -> Self {
        let mut file = File::open(path).unwrap();
        let length = file.metadata().unwrap().len();
        let mut disk = Self { length, lasting_length: length, ..Self::default() };
        for number in 0..=split(length).0 {
            let mut page = Vec::with_capacity(PAGE);
            file.by_ref().take(PAGE.try_into().unwrap()).read_to_end(&mut page).unwrap();
            page.resize(PAGE, 0);
            if page.iter().any(|byte| *byte != 0) {
                disk.memory.insert(number, page.try_into().unwrap());
            }
        }
        disk.lasting = disk.memory.clone();
        disk
    }

    fn write(&mut self, at: u64, mut bytes: &[u8]) {
        let (mut number, mut inside) = split(at);
        self.length = self.length.max(at + u64::try_from(bytes.len()).unwrap());
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PAGE - inside));
            let page = self.memory.entry(number).or_insert_with(empty);
            page[inside..inside + now.len()].copy_from_slice(now);
            self.dirty.insert(number);
            (number, inside, bytes) = (number + 1, 0, later);
        }
    }

    fn truncate(&mut self, length: u64) {
        let (last, inside) = split(length);
        drop(self.memory.split_off(&(last + 1)));
        drop(self.dirty.split_off(&(last + 1)));
        if let Some(page) = self.memory.get_mut(&last) {
            page[inside..].fill(0);
        }
        self.length = length;
    }

    /// Whoever syncs waits for those who began before as well.
    fn begin_sync(&mut self, name: u64) {
        self.begun += 1;
        self.named.insert(name, self.begun);
        let mut pages = std::mem::take(&mut self.dirty);
        pages.extend(self.syncing.values().flat_map(|other| other.pages.keys()));
        let pages = pages.into_iter().filter_map(|at| Some((at, self.memory.get(&at)?.clone())));
        self.syncing.insert(self.begun, Sync { pages: pages.collect(), length: self.length });
    }

    /// All of it is on the disk; where the sync failed, whatever happened to get there.
    fn end_sync(&mut self, name: u64, done: bool, chance: &mut Chance) {
        let Some(sync) = self.named.remove(&name) else { return };
        let Some(Sync { mut pages, mut length }) = self.syncing.remove(&sync) else { return };
        pages.retain(|at, _| self.is_newer(sync, *at));
        if sync < self.length_brought {
            length = self.lasting_length;
        }
        if done {
            self.brought.extend(pages.keys().map(|at| (*at, sync)));
            self.length_brought = self.length_brought.max(sync);
        }
        let odds = if done { ALL } else { ALL / 2 };
        let lasting = Lasting { pages: &mut self.lasting, length: &mut self.lasting_length };
        lasting.take(pages.iter(), length, chance, odds);
    }

    fn is_newer(&self, sync: u64, page: u64) -> bool {
        self.brought.get(&page).is_none_or(|brought| *brought < sync)
    }

    /// Leaves in the file what came through of what was in flight.
    fn leave(&self, path: &Path, chance: &mut Chance, odds: u64) {
        let (mut pages, mut length) = (self.lasting.clone(), self.lasting_length);
        let syncing = self.syncing.iter().flat_map(|(sync, begun)| {
            begun.pages.iter().filter(move |(at, _)| self.is_newer(*sync, **at))
        });
        let dirty = self.dirty.iter().filter_map(|at| Some((at, self.memory.get(at)?)));
        let lasting = Lasting { pages: &mut pages, length: &mut length };
        lasting.take(syncing.chain(dirty), self.length, chance, odds);
        write_out(path, &pages, length);
    }
}

/// What a file is on the disk.
struct Lasting<'a> {
    pages: &'a mut Pages,
    length: &'a mut u64,
}

impl Lasting<'_> {
    /// Takes in pages and a length, `odds` of [`ALL`] of them.
    fn take<'a>(
        self,
        new: impl Iterator<Item = (&'a u64, &'a Page)>,
        length: u64,
        chance: &mut Chance,
        odds: u64,
    ) {
        if length != *self.length && chance.below(ALL) < odds {
            cut(self.pages, length);
            *self.length = length;
        }
        for (at, new) in new {
            let page = self.pages.entry(*at).or_insert_with(empty);
            for sector in (0..PAGE).step_by(SECTOR) {
                if chance.below(ALL) < odds {
                    page[sector..sector + SECTOR].copy_from_slice(&new[sector..sector + SECTOR]);
                }
            }
        }
    }
}

/// Forgets what lies behind an end.
fn cut(pages: &mut Pages, length: u64) {
    let (last, inside) = split(length);
    drop(pages.split_off(&(last + 1)));
    if let Some(page) = pages.get_mut(&last) {
        page[inside..].fill(0);
    }
}

fn write_out(path: &Path, pages: &Pages, length: u64) {
    let file = File::options().write(true).truncate(true).open(path).unwrap();
    file.set_len(length).unwrap();
    for (number, page) in pages {
        let at = number * u64::try_from(PAGE).unwrap();
        let left = usize::try_from(length.saturating_sub(at)).unwrap().min(PAGE);
        file.write_all_at(&page[..left], at).unwrap();
    }
}

#[test]
fn a_sync_that_ends_late_brings_nothing_older() {
    let (mut disk, mut chance) = (Disk::default(), Chance::new(1));
    disk.write(0, b"first");
    disk.begin_sync(1);
    disk.write(5, b", second");
    disk.begin_sync(2);
    disk.end_sync(2, true, &mut chance);
    disk.end_sync(1, true, &mut chance);
    assert_eq!(&disk.lasting[&0][..13], b"first, second");
    assert_eq!(disk.lasting_length, 13);
}

#[test]
fn a_sync_of_a_later_server_brings_what_is_newer_whatever_it_is_called() {
    let (mut disk, mut chance) = (Disk::default(), Chance::new(1));
    for (name, bytes) in [(u64::MAX, b"first"), (1, b"later")] {
        disk.write(0, bytes);
        disk.begin_sync(name);
        disk.end_sync(name, true, &mut chance);
    }
    assert_eq!(&disk.lasting[&0][..5], b"later");
}

#[test]
fn a_sync_waits_for_those_that_began_before() {
    let (mut disk, mut chance) = (Disk::default(), Chance::new(1));
    disk.write(0, b"first");
    disk.begin_sync(1);
    disk.begin_sync(2);
    disk.end_sync(2, true, &mut chance);
    assert_eq!(&disk.lasting[&0][..5], b"first");
}

#[test]
fn a_note_that_a_kill_cut_off_hides_nothing_that_the_next_server_tells() {
    let note = |file: u64, bytes: &[u8]| {
        let mut note = [0; NOTE];
        (note[0], note[1]) = (b'W', 1);
        note[4..8].copy_from_slice(&u32::try_from(bytes.len()).unwrap().to_ne_bytes());
        note[8..16].copy_from_slice(&file.to_ne_bytes());
        [&note, bytes].concat()
    };
    for left in 1..NOTE + 6 {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let cut_off = &note(1, b"second")[..left];
        fs::write(&log, [&note(1, b"first"), cut_off].concat()).unwrap();
        end_whole(&log);
        let told = [fs::read(&log).unwrap(), note(2, b"third")].concat();
        let mut disks = BTreeMap::new();
        replay(&told, &mut disks, &mut Chance::new(1));
        let seen = |file: u64| disks[&file].memory[&0][..5].to_vec();
        assert_eq!((seen(1), seen(2)), (b"first".to_vec(), b"third".to_vec()), "{left}");
    }
}
