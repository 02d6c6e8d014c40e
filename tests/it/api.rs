//! The API over a real socket, on a clock that is moved by hand.

mod fuzz;
mod pages;
mod permits;
mod site;
mod story;
mod who;
