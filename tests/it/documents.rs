//! The pages of the repository: their links lead somewhere, and what they say of crates and decisions is so.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;

/// Folders whose pages are read, besides the root's own.
const FOLDERS: [&str; 7] = ["crates", "docs", "events", "functions", "infra", "tests", "tools"];

/// A page of Markdown: where it leads, and where one can land on it.
struct Page {
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

/// A row of the crate map: the folder of a package, or of several, and the packages that it may use.
struct CrateRow {
    folder: String,
    /// `None` for everything above the row.
    uses: Option<Vec<String>>,
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ has a parent");
    root.to_owned()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn pages() -> Vec<PathBuf> {
    let mut folders: Vec<_> = FOLDERS.iter().map(|name| root().join(name)).collect();
    let mut files = entries(&root());
    while let Some(folder) = folders.pop() {
        let (below, here): (Vec<_>, Vec<_>) = entries(&folder).into_iter().partition(|path| path.is_dir());
        folders.extend(below);
        files.extend(here);
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    files
}

impl Page {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (mut links, mut anchors, mut heading) = (Vec::new(), BTreeSet::new(), None);
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    links.push(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    heading
                        .as_mut()
                        .into_iter()
                        .for_each(|heading| heading.push_str(&text));
                }
                Event::End(TagEnd::Heading(_)) => anchors.extend(heading.take().as_deref().map(anchor)),
                _ => {}
            }
        }
        Self { links, anchors }
    }
}

/// Makes the anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Says what is wrong with a link, if anything. Links to other hosts are not followed: tests need no network.
fn fault(page: &Path, link: &str) -> Option<&'static str> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link
        .split_once('#')
        .map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = match path {
        "" => page.to_owned(),
        _ => page.parent().expect("a page is in a folder").join(path),
    };
    if !target.exists() {
        return Some("leads to no file");
    }
    let lands = anchor.is_none_or(|anchor| Page::read(&target).anchors.contains(anchor));
    (!lands).then_some("leads to no heading")
}

#[test]
fn every_link_between_pages_leads_to_a_file_and_a_heading() {
    let faults: Vec<String> = pages()
        .iter()
        .flat_map(|page| {
            let links = Page::read(page).links;
            links.into_iter().filter_map(move |link| {
                let fault = fault(page, &link)?;
                Some(format!("{}: {link} {fault}", page.display()))
            })
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let page = root().join("docs/architecture.md");
    assert_eq!(fault(&page, "actions.rs"), Some("leads to no file"));
    assert_eq!(fault(&page, "actions.md#nowhere"), Some("leads to no heading"));
    assert_eq!(fault(&page, "actions.md#in-rust"), None);
    assert_eq!(fault(&page, "#crates"), None);
}

#[test]
fn the_readme_is_short_and_every_page_is_listed_for_its_reader() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.lines().count() <= 150, "a page of its own takes the rest");
    let listed = Page::read(&root().join("docs/README.md")).links;
    for page in entries(&root().join("docs")) {
        let name = page.file_name().expect("a page has a name").to_string_lossy();
        let is_page = name.ends_with(".md") && name != "README.md";
        assert!(
            !is_page || listed.iter().any(|link| *link == name),
            "docs/README.md does not list {name}"
        );
    }
}

/// Reads the crate map of docs/architecture.md.
fn crate_map() -> Vec<CrateRow> {
    let text = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let (_, section) = text.split_once("\n## Crates\n").expect("there is a crate map");
    let rows = section.lines().take_while(|line| !line.starts_with("## "));
    rows.filter_map(|row| {
        let cells: Vec<&str> = row.strip_prefix("| [")?.split(" | ").collect();
        let (folder, _) = cells.first()?.split_once(']')?;
        let uses = cells.last()?.trim_end_matches(" |");
        let names = uses.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Some(CrateRow {
            folder: folder.to_owned(),
            uses: (uses != "everything above").then_some(names),
        })
    })
    .collect()
}

/// Returns the packages of the workspace by folder, each with the packages of the workspace that it is built with.
fn packages() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .args([
            "metadata",
            "--no-deps",
            "--locked",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().expect("cargo names it").to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let manifest = PathBuf::from(text(&package["manifest_path"]));
            let folder = manifest
                .parent()
                .unwrap()
                .strip_prefix(root())
                .unwrap()
                .to_owned();
            // Only what is in this repository has a path, and what tests alone use is free.
            let built = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| dependency["path"].is_string() && dependency["kind"] != "dev");
            let uses = built.map(|dependency| text(&dependency["name"])).collect();
            (folder.display().to_string(), (text(&package["name"]), uses))
        })
        .collect()
}

impl CrateRow {
    /// Says whether the row speaks of a folder; `functions/*` speaks of each folder below `functions`.
    fn covers(&self, folder: &str) -> bool {
        match self.folder.strip_suffix('*') {
            Some(parent) => folder.starts_with(parent),
            None => folder == self.folder,
        }
    }
}

#[test]
fn crates_use_what_the_crate_map_allows() {
    let map = crate_map();
    for (folder, (name, uses)) in packages() {
        let row = map.iter().find(|row| row.covers(&folder));
        let row =
            row.unwrap_or_else(|| panic!("{folder} has no row in the crate map of docs/architecture.md"));
        let Some(allowed) = &row.uses else { continue };
        let more: Vec<_> = uses.iter().filter(|used| !allowed.contains(used)).collect();
        assert!(
            more.is_empty(),
            "{name} uses {more:?}, which the crate map does not allow"
        );
    }
}

#[test]
fn no_arrow_of_the_crate_map_leads_upward() {
    let packages = packages();
    let mut below: BTreeSet<&str> = BTreeSet::new();
    for row in crate_map() {
        for used in row.uses.iter().flatten() {
            assert!(
                below.contains(used.as_str()),
                "{} may use {used}, which stands below it",
                row.folder
            );
        }
        let covered: Vec<_> = packages.iter().filter(|(folder, _)| row.covers(folder)).collect();
        assert!(
            !covered.is_empty(),
            "the crate map speaks of {}, which is not there",
            row.folder
        );
        below.extend(covered.into_iter().map(|(_, (name, _))| name.as_str()));
    }
}

#[test]
fn the_index_of_decisions_has_each_of_them() {
    let folder = root().join("docs/decisions");
    let index = fs::read_to_string(folder.join("README.md")).unwrap();
    let listed: Vec<&str> = index.lines().filter(|line| line.starts_with("| 20")).collect();
    let mut expected: Vec<String> = entries(&folder)
        .into_iter()
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            let date = name.get(..10).filter(|_| name != "README.md")?.to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let title = text.lines().next()?.trim_start_matches("# ");
            Some(format!("| {date} | [{title}]({name}) |"))
        })
        .collect();
    expected.sort();
    assert_eq!(
        listed,
        expected,
        "docs/decisions/README.md is to list:\n{}",
        expected.join("\n")
    );
}
