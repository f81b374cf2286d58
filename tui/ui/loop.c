/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The event loop: keys and the worker's results; and scripts, which do the same on a terminal in memory.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "ui/app.h"

static void refresh(struct tui_app *app)
{
    if (app->rows_stale)
        tui_rows_build(app);
    if (tui_view(app)->update)
        tui_view(app)->update(app);
    tui_app_draw(app);
}

/* Signals that were noted; false when one asks to leave. */
static bool take_signals(struct tui_app *app)
{
    for (enum tui_signal signal; (signal = tui_term_signal()) != TUI_SIGNAL_NONE;) {
        if (signal == TUI_SIGNAL_LEAVE)
            return false;
        if (signal == TUI_SIGNAL_SUSPEND)
            tui_term_suspend(app->term);
        else
            tui_term_resume(app->term, signal == TUI_SIGNAL_RESIZE);
    }
    return true;
}

static void take_keys(struct tui_app *app)
{
    for (int key, n = 0; n < 256 && !app->quit && (key = tui_term_key(app->term)) != TUI_KEY_NONE; n++) {
        if (key == TUI_KEY_EOF)
            tui_autosave(app);
        tui_app_key(app, key);
        if (app->rows_stale)
            tui_rows_build(app);
    }
}

int tui_app_loop(struct tui_app *app)
{
    tui_history_load(app);
    tui_autosave_mention(app);
    refresh(app); /* first paint comes before the first solve */
    tui_submit(app, false);
    while (!app->quit) {
        struct pollfd fds[] = {{.fd = tui_term_fd(app->term), .events = POLLIN},
                               {.fd = sc_worker_fd(app->worker), .events = POLLIN},
                               {.fd = tui_term_signal_fd(), .events = POLLIN}};
        int ready = poll(fds, SC_LEN(fds), app->solving ? 100 : -1);
        if (ready < 0 && errno != EINTR)
            break;
        if (!take_signals(app)) {
            tui_autosave(app);
            return 128 + tui_term_leave_signal();
        }
        if (ready > 0 && fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) {
            tui_autosave(app);
            return 0;
        }
        tui_app_results(app);
        take_keys(app);
        if (!app->quit)
            refresh(app);
    }
    tui_history_save(app);
    return 0;
}

/* ---- scripts ---- */

/* "jj<Enter>:pin a b<Enter>": names of keys in angle brackets, the rest are characters. */
static enum sc_status feed_keys(struct tui_app *app, const char *text, struct sc_error *err)
{
    while (*text) {
        char name[24];
        const char *end = *text == '<' ? strchr(text, '>') : NULL;
        int key = 0;
        if (end && end - text - 1 < (long)sizeof name && end > text + 1) {
            memcpy(name, text + 1, (size_t)(end - text - 1));
            name[end - text - 1] = '\0';
            key = tui_key_find(name);
            if (!key)
                return sc_fail(err, SC_INPUT, "there is no key <%s>; for example <Enter>, <Esc>, <Ctrl-D>, <PgDn>",
                               name);
            text = end + 1;
        } else {
            key = (int)tui_utf8_next(&text);
        }
        tui_app_settle(app);
        tui_app_key(app, key);
        if (app->rows_stale)
            tui_rows_build(app);
    }
    return SC_OK;
}

static enum sc_status script_line(struct tui_app *app, char *line, struct sc_error *err)
{
    struct sc_str text = {0};
    int width, height;
    if (!*line || *line == '#')
        return SC_OK;
    if (*line == ':') {
        tui_app_settle(app);
        tui_run(app, line + 1);
        if (app->rows_stale)
            tui_rows_build(app);
        return SC_OK;
    }
    if (strncmp(line, "keys ", 5) == 0)
        return feed_keys(app, line + 5, err);
    if (sscanf(line, "size %dx%d", &width, &height) == 2 && width >= 1 && height >= 1 && width <= 1000 &&
        height <= 1000) {
        tui_term_resize(app->term, width, height);
        return SC_OK;
    }
    if (strcmp(line, "screen") == 0 || strcmp(line, "screen roles") == 0) {
        tui_app_settle(app);
        tui_app_draw(app);
        tui_grid_write(tui_term_screen(app->term), line[6] != '\0', &text);
        fputs(sc_str_text(&text), stdout);
        sc_str_free(&text);
        return SC_OK;
    }
    if (strcmp(line, "view") == 0) { /* all of it, not only what is in sight */
        tui_app_settle(app);
        tui_term_size(app->term, &width, &height);
        bool written = tui_view_write(app, tui_focused(app), width, &text);
        fputs(sc_str_text(&text), stdout);
        sc_str_free(&text);
        return written ? SC_OK : sc_fail(err, SC_NO_MEMORY, "no memory to write the view");
    }
    return sc_fail(err, SC_INPUT,
                   "expected `keys KEYS`, `:COMMAND`, `size WxH`, `screen`, `screen roles` or `view`, found '%.40s'",
                   line);
}

int tui_app_script(struct tui_app *app, const char *path, struct sc_error *err)
{
    char *text;
    size_t size;
    int number = 0;
    enum sc_status status = sc_file_read(path, 1 << 20, &text, &size, err);
    if (status != SC_OK)
        return (int)status;
    if (app->rows_stale)
        tui_rows_build(app);
    tui_submit(app, false);
    for (char *line = text; line && status == SC_OK && !app->quit;) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        number++;
        status = script_line(app, line, err);
        if (status != SC_OK && err) {
            snprintf(err->file, sizeof err->file, "%s", path);
            err->line = number;
        }
        line = end ? end + 1 : NULL;
    }
    sc_free(text);
    return (int)status;
}
