/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * batch: the commands that print and end. Text for people, JSON for programs; no terminal is touched.
 */
#ifndef TUI_BATCH_H
#define TUI_BATCH_H

#include "import/import.h"
#include "plan/plan.h"
#include "term/term.h"

/* Exit statuses of the program (design: interfaces). */
enum { TUI_EXIT_OK = 0, TUI_EXIT_INFEASIBLE = 1, TUI_EXIT_USAGE = 2, TUI_EXIT_TIMEOUT = 3, TUI_EXIT_INTERNAL = 4 };
int tui_exit_status(enum sc_status status);

struct tui_args;

/* A command of the program: `stagecut NAME …`. */
struct tui_batch_command {
    const char *name, *arguments, *help;
    int least, most;     /* positional arguments; most -1: any number */
    const char *options; /* names of the options it takes, space separated; NULL: every option */
    int (*run)(struct tui_args *args);
};
/* The table; NULL past the end. */
const struct tui_batch_command *tui_batch_command_at(size_t index);

/* What a command line says. `settings` is owned; positional words point into argv. */
struct tui_args {
    const struct tui_batch_command *command; /* NULL: the explorer */
    struct sc_settings settings;
    int word_count;
    const char *words[8];
    bool help, version;
    const char *format; /* of `export`; NULL: none was given */
    /* The explorer's own. */
    const char *script; /* run this script on a terminal in memory, of this size */
    int width, height;
    bool ascii;
    enum tui_colour colour;
    const struct tui_theme *theme; /* NULL: the default */
};
/* On failure prints the error and returns its exit status; 0 otherwise. */
int tui_args_parse(int argc, char **argv, struct tui_args *out);
void tui_args_free(struct tui_args *args);

/* Print "stagecut: …" to standard error; returns the exit status. */
int tui_report(const struct sc_error *err);
void tui_print_help(void);
void tui_print_version(void);

/* `stagecut NAME …`: runs the command of the parsed arguments. */
int tui_batch_run(struct tui_args *args);
/* The plan as text or JSON, without a terminal: what `stagecut MODEL` does when there is none. */
int tui_batch_solve(struct tui_args *args);

#endif
