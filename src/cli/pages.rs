//! `kura completions` and `kura man`: what shells and `man` want to know, made from the commands themselves.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::commands::Arguments;
use super::exit::Exit;
use super::failure::Failure;
use super::words::print;

/// Print completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Example: kura completions bash > /etc/bash_completion.d/kura")]
pub(super) struct Completions {
    /// The shell.
    shell: Shell,
}

/// Write manual pages into a folder.
#[derive(Debug, Args)]
#[command(after_help = "Example: kura man /usr/local/share/man/man1")]
pub(super) struct Man {
    /// The folder; it is made if it is missing.
    dir: PathBuf,
}

pub(super) fn completions(arguments: &Completions) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "kura", &mut text);
    print(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}

pub(super) fn man(arguments: &Man) -> Result<Exit, Failure> {
    let dir = &arguments.dir;
    std::fs::create_dir_all(dir).map_err(Failure::file("make", dir))?;
    clap_mangen::generate_to(Arguments::command(), dir)
        .map_err(Failure::file("write manual pages to", dir))?;
    Ok(Exit::Done)
}
