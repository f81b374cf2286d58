/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to batch/: what the commands share while they run.
 */
#ifndef TUI_BATCH_RUN_H
#define TUI_BATCH_RUN_H

#include "batch/batch.h"

/* A solve in the foreground: a time limit, Ctrl-C keeps the best plan, progress on standard error if that is a
 * terminal. */
struct tui_run {
    struct sc_cancel cancel;
    struct sc_progress *progress;
    struct tui_watch *watch;
};
void tui_run_begin(struct tui_run *run, const struct sc_settings *settings);
void tui_run_end(struct tui_run *run);

/* Text to --out FILE, or standard output. */
int tui_batch_put(const struct sc_settings *settings, const struct sc_str *text);

int tui_cmd_solve(struct tui_args *args);
int tui_cmd_explain(struct tui_args *args);
int tui_cmd_problem(struct tui_args *args);
int tui_cmd_stages(struct tui_args *args);
int tui_cmd_price(struct tui_args *args);
int tui_cmd_diff(struct tui_args *args);
int tui_cmd_verify(struct tui_args *args);
int tui_cmd_export(struct tui_args *args);
int tui_cmd_list(struct tui_args *args);

#endif
