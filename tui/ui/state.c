/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What outlives the program, in $XDG_STATE_HOME/stagecut: the history of ':' lines, and the session of a terminal that
 * went away.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ui/app.h"

enum { HISTORY_MAX = 500 };

/* Makes the folder when it is not there. */
static bool state_path(const char *name, char *out, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char dir[512];
    int length;
    if (state && *state)
        length = snprintf(dir, sizeof dir, "%s/stagecut", state);
    else if (home && *home)
        length = snprintf(dir, sizeof dir, "%s/.local/state/stagecut", home);
    else
        return false;
    if (length >= (int)sizeof dir)
        return false;
    for (char *slash = dir + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(dir, 0700);
        *slash = '/';
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return false;
    return snprintf(out, size, "%s/%s", dir, name) < (int)size;
}

/* ---- history ---- */

void tui_history_add(struct tui_app *app, const char *line)
{
    char *copy;
    if (app->history.count && strcmp(app->history.data[app->history.count - 1], line) == 0)
        return;
    copy = sc_alloc(strlen(line) + 1);
    if (!copy)
        return;
    strcpy(copy, line);
    if (!sc_vec_push(&app->history, copy))
        sc_free(copy);
}

void tui_history_load(struct tui_app *app)
{
    char path[600], *text = NULL;
    size_t size;
    if (!state_path("history", path, sizeof path) || sc_file_read(path, 1 << 20, &text, &size, NULL) != SC_OK)
        return;
    for (char *line = text, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = '\0';
        if (*line)
            tui_history_add(app, line);
    }
    sc_free(text);
}

void tui_history_save(const struct tui_app *app)
{
    char path[600];
    struct sc_str text = {0};
    size_t count = app->history.count, first = count > HISTORY_MAX ? count - HISTORY_MAX : 0;
    if (!count || !state_path("history", path, sizeof path))
        return;
    for (size_t i = first; i < count; i++)
        sc_str_addf(&text, "%s\n", app->history.data[i]);
    if (!text.failed)
        sc_file_write(path, sc_str_text(&text), text.length, NULL);
    sc_str_free(&text);
}

/* ---- the session of a terminal that went away ---- */

#define AUTOSAVE "autosave.json"

void tui_autosave(struct tui_app *app)
{
    char path[600];
    if (app->session && (sc_session_dirty(app->session) || app->recovered) && state_path(AUTOSAVE, path, sizeof path))
        sc_session_save(app->session, path, NULL);
}

void tui_autosave_mention(struct tui_app *app)
{
    char path[600];
    if (state_path(AUTOSAVE, path, sizeof path) && sc_file_exists(path))
        tui_say(app, TUI_WARN, "changes were kept when a terminal went away; :recover opens them");
}

bool tui_autosave_path(char *out, size_t size)
{
    return state_path(AUTOSAVE, out, size) && sc_file_exists(out);
}

void tui_autosave_drop(struct tui_app *app)
{
    char path[600];
    if (app->recovered && state_path(AUTOSAVE, path, sizeof path))
        unlink(path);
    app->recovered = false;
}
