//! Which files of a crate use each other in a circle: whoever changes one file of a large circle has to know all of it.
//!
//! A file and what it is a part of belong together: what a file uses of that is left out. Cargo refuses crates in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{files, root};

/// Bounds the files of a circle.
const MOST: usize = 3;
/// Begins the tests within a file, which may use what the file does not.
pub(super) const TESTS: &str = "#[cfg(test)]\nmod tests {";

/// Names a module: the root of its crate, and the names that lead to it from there.
pub(super) type Module = Vec<String>;
/// Maps each module to those that it uses.
pub(super) type Graph = BTreeMap<Module, BTreeSet<Module>>;

/// Names the module that a file is; `None` for tests and examples beside a crate.
fn module_of(file: &Path) -> Option<Module> {
    let is_root = |folder: &&Path| folder.ends_with("src") || folder.ends_with("tests/it");
    let folder = file.ancestors().find(is_root)?;
    let inside = file.strip_prefix(folder).ok()?.with_extension("");
    let names = inside.iter().map(|name| name.to_string_lossy().into_owned());
    let names = names.filter(|name| name != "lib" && name != "main");
    Some([folder.display().to_string()].into_iter().chain(names).collect())
}

/// Writes what a `use` names as paths, one for each of its branches.
fn paths(tree: &str) -> Vec<String> {
    let (prefix, branches) = tree.split_once('{').unwrap_or(("", tree));
    assert!(!branches.contains('{'), "a tree in a tree is not read: {tree}");
    let branches = branches.trim_end_matches('}').split(',').map(str::trim);
    let branches = branches.filter(|branch| !branch.is_empty());
    branches.map(|branch| format!("{prefix}{branch}")).collect()
}

/// Lists the modules of its crate that a module uses, but for those that it is in.
fn used_by(module: &Module, text: &str, all: &BTreeSet<Module>) -> BTreeSet<Module> {
    let code = text.split(TESTS).next().unwrap_or_default();
    let statements = code.split(';');
    let trees = statements.filter_map(|statement| Some(statement.rsplit_once("use ")?.1));
    let is_own = |tree: &&str| matches!(tree.split("::").next(), Some("crate" | "self" | "super"));
    let leads_to = |path: String| {
        let mut found = module.clone();
        for name in path.split("::") {
            match name.split_once(' ').map_or(name, |(name, _)| name) {
                "crate" => found.truncate(1),
                "super" => drop(found.pop()),
                "self" => {}
                name => found.push(name.to_owned()),
            }
        }
        while !all.contains(&found) && found.pop().is_some() {}
        found
    };
    let used = trees.filter(is_own).flat_map(paths).map(leads_to);
    used.filter(|used| !module.starts_with(used)).collect()
}

fn reached<'g>(graph: &'g Graph, start: &Module) -> BTreeSet<&'g Module> {
    let (mut found, mut open) = (BTreeSet::new(), Vec::from_iter(&graph[start]));
    while let Some(module) = open.pop() {
        if found.insert(module) {
            open.extend(&graph[module]);
        }
    }
    found
}

/// Finds the circles of more modules than these: in each, everything is reached from everything.
pub(super) fn circles_of_more_than(most: usize, graph: &Graph) -> BTreeSet<Vec<&Module>> {
    let all = BTreeMap::from_iter(graph.keys().map(|module| (module, reached(graph, module))));
    let circle = |module: &Module| {
        let others = all[module].iter().copied();
        Vec::from_iter(others.filter(|other| all[other].contains(module)))
    };
    let circles = graph.keys().map(circle);
    circles.filter(|circle| circle.len() > most).collect()
}

/// Tells of each module of ours what it uses of its crate.
pub(super) fn graph() -> Graph {
    let files = files().into_iter();
    let modules: BTreeMap<_, _> = files.filter_map(|file| Some((module_of(&file)?, file))).collect();
    let all = modules.keys().cloned().collect();
    let read = |file| fs::read_to_string(root().join(file)).expect("a file of ours is text");
    let modules = modules.iter();
    modules
        .map(|(module, file)| (module.clone(), used_by(module, &read(file), &all)))
        .collect()
}

#[test]
fn no_more_than_three_files_use_each_other_in_a_circle() {
    let graph = graph();
    let uses: usize = graph.values().map(BTreeSet::len).sum();
    assert!(uses > 1_000, "no more than {uses} uses are found");
    assert_eq!(
        circles_of_more_than(MOST, &graph),
        BTreeSet::new(),
        "split by subject"
    );
}

#[test]
fn a_circle_of_four_is_found_and_one_of_three_is_not() {
    let module = |name: &str| vec!["src".to_owned(), name.to_owned()];
    let all: BTreeSet<Module> = ["a", "b", "c", "d"].map(module).into();
    let graph = |uses: [&str; 4]| -> Graph {
        let modules = all.iter().zip(uses);
        modules
            .map(|(module, text)| (module.clone(), used_by(module, text, &all)))
            .collect()
    };
    let last = "use crate::{\n    a as first,\n};\n#[cfg(test)]\nmod tests {\nuse crate::b;\n}";
    let four = graph([
        "use crate::b::B;",
        "use crate::{c::C, no::D};",
        "pub use super::d;",
        last,
    ]);
    assert_eq!(
        circles_of_more_than(MOST, &four),
        BTreeSet::from([all.iter().collect::<Vec<_>>()])
    );
    let three = graph(["use crate::b;", "use crate::c;", "use crate::{a, d};", ""]);
    assert_eq!(circles_of_more_than(MOST, &three), BTreeSet::new());
}
