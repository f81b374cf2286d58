/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands that open and write files, and those that leave.
 */
#include <stdio.h>
#include <string.h>

#include "ui/app.h"
#include "ui/commands.h"

void tui_run_open(struct tui_app *app, const char *arguments)
{
    if (*arguments)
        tui_open(app, arguments);
    else
        tui_edit_begin(app, ':', "open ");
}

void tui_run_recover(struct tui_app *app, const char *arguments)
{
    char path[600];
    (void)arguments;
    if (!tui_autosave_path(path, sizeof path)) {
        tui_say(app, TUI_WARN, "there is nothing to recover");
    } else if (tui_open(app, path)) {
        app->session_path[0] = '\0'; /* it wants a name of its own */
        app->recovered = true;
    }
}

void tui_run_write_plan(struct tui_app *app, const char *arguments)
{
    struct sc_str text = {0};
    struct sc_error err = {0};
    char message[600];
    if (!tui_plan_is_here(app))
        return;
    if (!*arguments) {
        tui_edit_begin(app, ':', "write-plan ");
        return;
    }
    if (sc_plan_write_json(app->plan, &text, &err) != SC_OK ||
        sc_file_write(arguments, sc_str_text(&text), text.length, &err) != SC_OK) {
        sc_error_format(&err, message, sizeof message);
        tui_say(app, TUI_BAD, "%s", message);
    } else {
        tui_say(app, TUI_GOOD, "plan written to %s", arguments);
    }
    sc_str_free(&text);
}

/* What the cursor is in, as text, in full; and under candidates why. */
void tui_run_write_view(struct tui_app *app, const char *arguments)
{
    struct sc_str text = {0};
    struct sc_error err = {0};
    char message[600];
    bool about_other;
    const struct tui_view_ops *view = tui_focused(app);
    const char *why = tui_why_text(app, &about_other);
    if (!*arguments) {
        tui_edit_begin(app, ':', "write-view ");
        return;
    }
    bool ok = tui_view_write(app, view, app->grid.width < 80 ? 80 : app->grid.width, &text);
    if (ok && view == &tui_candidates_view && why)
        sc_str_addf(&text, "\n%s", why);
    if (!ok || text.failed)
        sc_fail(&err, SC_NO_MEMORY, "no memory to write the view");
    else
        sc_file_write(arguments, sc_str_text(&text), text.length, &err);
    sc_error_format(&err, message, sizeof message);
    if (err.status == SC_OK)
        tui_say(app, TUI_GOOD, "view written to %s", arguments);
    else
        tui_say(app, TUI_BAD, "%s", message);
    sc_str_free(&text);
}

/* Where the session goes: its own file, or one named after the model, in the current folder. */
static void session_file(const struct tui_app *app, char *out, size_t size)
{
    if (app->session_path[0])
        snprintf(out, size, "%s", app->session_path);
    else
        snprintf(out, size, "%s.session.json", app->graph ? app->graph->name : "stagecut");
}

static bool save_to(struct tui_app *app, const char *path)
{
    struct sc_error err = {0};
    char message[600];
    if (sc_session_save(app->session, path, &err) != SC_OK) {
        sc_error_format(&err, message, sizeof message);
        tui_say(app, TUI_BAD, "%s", message);
        return false;
    }
    tui_autosave_drop(app);
    if (path != app->session_path)
        snprintf(app->session_path, sizeof app->session_path, "%s", path);
    tui_say(app, TUI_GOOD, "session saved to %s", path);
    return true;
}

void tui_run_save(struct tui_app *app, const char *arguments)
{
    char path[sizeof app->session_path], line[sizeof path + 8];
    if (!app->session) {
        tui_say(app, TUI_WARN, "there is nothing to save yet");
    } else if (*arguments || app->session_path[0]) {
        save_to(app, *arguments ? arguments : app->session_path);
    } else { /* offers a name */
        session_file(app, path, sizeof path);
        snprintf(line, sizeof line, "save %s", path);
        tui_edit_begin(app, ':', line);
    }
}

void tui_run_save_quit(struct tui_app *app, const char *arguments)
{
    char path[sizeof app->session_path];
    session_file(app, path, sizeof path);
    if (!app->session || save_to(app, *arguments ? arguments : path))
        app->quit = true;
}

void tui_run_quit(struct tui_app *app, const char *arguments)
{
    char path[sizeof app->session_path];
    bool unsaved = app->session && (sc_session_dirty(app->session) || app->recovered);
    if (!unsaved || strcmp(arguments, "!") == 0) {
        app->quit = true;
        return;
    }
    session_file(app, path, sizeof path);
    app->confirm_quit = true;
    tui_say(app, TUI_WARN, "save changes to %s?  y yes  n no  any other key stays", path);
}
