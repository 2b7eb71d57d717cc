"""`cdp identity`: how records become people, from the command line. Its commands are in the modules beside this one."""

import typer

app = typer.Typer(no_args_is_help=True, help="See, correct and measure how records become people.")
