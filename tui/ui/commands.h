/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to ui/: what commands of the table in command.c do, where it is in another file.
 */
#ifndef TUI_UI_COMMANDS_H
#define TUI_UI_COMMANDS_H

#include "ui/app.h"

/* command.c */
bool tui_plan_is_here(struct tui_app *app); /* else it says that there is none */

/* cuts.c */
void tui_run_cut(struct tui_app *app, const char *arguments);
void tui_run_no_cut(struct tui_app *app, const char *arguments);
void tui_run_uncut(struct tui_app *app, const char *arguments);
void tui_run_cut_later(struct tui_app *app, const char *arguments);
void tui_run_cut_earlier(struct tui_app *app, const char *arguments);
void tui_run_next_cut(struct tui_app *app, const char *arguments);
void tui_run_previous_cut(struct tui_app *app, const char *arguments);
void tui_run_stages_auto(struct tui_app *app, const char *arguments);
void tui_run_graph(struct tui_app *app, const char *arguments);
void tui_run_candidates(struct tui_app *app, const char *arguments);
void tui_run_stages(struct tui_app *app, const char *arguments);
void tui_run_timeline(struct tui_app *app, const char *arguments);

/* files.c */
void tui_run_open(struct tui_app *app, const char *arguments);
void tui_run_recover(struct tui_app *app, const char *arguments);
void tui_run_write_plan(struct tui_app *app, const char *arguments);
void tui_run_write_view(struct tui_app *app, const char *arguments);
void tui_run_save(struct tui_app *app, const char *arguments);
void tui_run_save_quit(struct tui_app *app, const char *arguments);
void tui_run_quit(struct tui_app *app, const char *arguments);

#endif
