//! Builds the book, or builds and serves it: `cargo book`, `cargo book build`, `cargo book --help`.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use book::serve::Serving;
use book::{Folders, Live, Mistakes, build};
use clap::{Parser, Subcommand};

/// Builds the book and serves it on this machine; a change of a source shows at once
#[derive(Parser)]
#[command(name = "cargo book", bin_name = "cargo book", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Task>,

    /// Port to serve from; 0 for any that is free
    #[arg(long, default_value_t = 3000)]
    port: u16,

    /// Name or address to serve from; 0.0.0.0 lets other machines in
    #[arg(long, default_value = "localhost")]
    hostname: String,

    /// Open the book in the browser
    #[arg(long)]
    open: bool,
}

#[derive(Subcommand)]
enum Task {
    /// Build the book into target/book and stop
    Build,

    /// Make the live figures anew, after a change of what they compute with
    Widgets,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match error.downcast_ref::<Mistakes>() {
                Some(mistakes) => eprintln!("{mistakes}"),
                None => eprintln!("error: {error:#}"),
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { command, port, hostname, open } = arguments;
    let folders = Folders::of_this_workspace();
    let widgets = Live::new(&folders.root);
    match command {
        Some(Task::Widgets) => {
            let size = widgets.make()?;
            println!("the live figures are {} KB of WebAssembly", size.div_ceil(1000));
            return Ok(());
        }
        Some(Task::Build) => {
            let start = Instant::now();
            build(&folders, &widgets)?;
            let page = folders.out.join("index.html");
            println!("built in {:.1} s: {}", start.elapsed().as_secs_f64(), page.display());
            if let Some(why) = widgets.asleep() {
                println!("{why}");
            }
            return Ok(());
        }
        None => {}
    }

    let report = &mut |built: &Result<(), Mistakes>| match built {
        Ok(()) => match widgets.asleep() {
            None => println!("built"),
            Some(why) => println!("built; {why}"),
        },
        Err(mistakes) => eprintln!("{mistakes}"),
    };
    let serving = Serving::start(&folders, &widgets, hostname, *port, report)?;
    println!("the book is at {} (Ctrl-C ends)", serving.address());
    if *open {
        opener::open_browser(serving.address()).context("no browser can be opened")?;
    }
    serving.watch(&widgets, || true, report);
    Ok(())
}
