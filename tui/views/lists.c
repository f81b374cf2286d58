/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The views that are plain lists: help, made from the tables; the log; the picker over samples.
 */
#include <stdio.h>
#include <string.h>

#include "import/import.h"
#include "ui/app.h"

/* ---- help ---- */

/* Rows of help: commands, then verbs of the session, then options. */
struct help_row {
    const char *name, *keys, *arguments, *help;
    const struct tui_command *command; /* NULL: to be completed on the ':' line */
    const char *prefix;                /* of that line */
};

static bool help_row(int index, struct help_row *out)
{
    const struct tui_command *command;
    const struct sc_verb *verb;
    const struct sc_option *option;
    int at = 0;
    for (size_t i = 0; (command = tui_command_at(i)); i++, at++)
        if (at == index) {
            *out = (struct help_row){command->name, command->keys, command->arguments, command->help, command, ""};
            return true;
        }
    for (size_t i = 0; (verb = sc_session_verb_at(i)); i++, at++)
        if (at == index) {
            *out = (struct help_row){verb->name, "", verb->arguments, verb->help, NULL, ""};
            return true;
        }
    for (size_t i = 0; (option = sc_option_at(i)); i++) {
        if (!option->saved)
            continue;
        if (at++ == index) {
            *out = (struct help_row){option->name, "",   option->argument ? option->argument : "on|off",
                                     option->help, NULL, "set "};
            return true;
        }
    }
    return false;
}

static struct tui_list *help_list(struct tui_app *app)
{
    struct help_row row;
    int count = 0;
    while (help_row(count, &row))
        count++;
    app->help_list.count = count;
    return &app->help_list;
}

static void help_render(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    struct tui_list *list = help_list(app);
    struct tui_rect body = {rect.x, rect.y + 1, rect.width, rect.height - 1};
    struct help_row row;
    char left[96];
    int wide = rect.width >= 100 ? 30 : 24;
    tui_text(grid, rect, 1, 0, TUI_TITLE, "help");
    tui_text(grid, rect, 7, 0, TUI_DIM, "keys, then : commands; Enter runs, / finds, q leaves");
    tui_list_place(app, list, body, TUI_PANE_GRAPH);
    for (int y = 0; y < body.height && help_row(list->top + y, &row); y++) {
        struct tui_rect part = body;
        tui_text(grid, body, 1, y, TUI_KEY, row.keys);
        snprintf(left, sizeof left, "%s%s%s%s", row.prefix, row.name, *row.arguments ? " " : "", row.arguments);
        part.width = 16 + wide < body.width ? 16 + wide : body.width;
        tui_text(grid, part, 16, y, TUI_PLAIN, left);
        tui_text(grid, body, 17 + wide, y, TUI_DIM, row.help);
        if (list->top + y == list->cursor)
            tui_tint(grid, body, y, TUI_CURSOR);
    }
}

static void help_enter(struct tui_app *app)
{
    struct help_row row;
    char line[128];
    if (!help_row(help_list(app)->cursor, &row))
        return;
    app->view = app->session ? TUI_VIEW_GRAPH : TUI_VIEW_PICKER;
    if (row.command && strcmp(row.command->name, "help") != 0) {
        row.command->run(app, "");
    } else if (!row.command) {
        snprintf(line, sizeof line, "%s%s%s", row.prefix, row.name, *row.arguments ? " " : "");
        tui_edit_begin(app, ':', line);
    }
}

static bool help_text(struct tui_app *app, int index, struct sc_str *out)
{
    struct help_row row;
    (void)app;
    if (!help_row(index, &row))
        return false;
    sc_str_addf(out, "%s %s%s %s", row.keys, row.prefix, row.name, row.help);
    return true;
}

const struct tui_view_ops tui_help_view = {"help", "help", help_render, help_list, help_enter, help_text};

/* ---- log ---- */

static struct tui_list *log_list(struct tui_app *app)
{
    return &app->log_list;
}

static void log_render(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    struct tui_list *list = &app->log_list;
    struct tui_rect body = {rect.x, rect.y + 1, rect.width, rect.height - 1};
    tui_text(grid, rect, 1, 0, TUI_TITLE, "log");
    tui_list_place(app, list, body, TUI_PANE_GRAPH);
    for (int y = 0; y < body.height && list->top + y < (int)app->log.count; y++) {
        tui_text(grid, body, 1, y, TUI_PLAIN, app->log.data[list->top + y]);
        if (list->top + y == list->cursor)
            tui_tint(grid, body, y, TUI_CURSOR);
    }
    if (!app->log.count)
        tui_text(grid, body, 2, 1, TUI_DIM, "nothing was said yet");
}

static void nothing(struct tui_app *app)
{
    (void)app;
}

static bool log_text(struct tui_app *app, int index, struct sc_str *out)
{
    if (index < 0 || index >= (int)app->log.count)
        return false;
    sc_str_add(out, app->log.data[index]);
    return true;
}

const struct tui_view_ops tui_log_view = {"log", "log", log_render, log_list, nothing, log_text};

/* ---- picker ---- */

static const struct sc_import_samples *samples(struct tui_app *app)
{
    struct sc_error err = {0};
    if (app->picker)
        return app->picker;
    struct sc_import_samples *found = sc_alloc(sizeof *found);
    if (!found)
        return NULL;
    if (sc_import_samples_find("models", found, &err) != SC_OK)
        tui_say(app, TUI_BAD, "%s", err.message);
    app->picker = found;
    app->picker_list.count = found->count;
    for (int i = 0; i < found->count; i++)
        if (strcmp(found->at[i].name, SC_DEFAULT_MODEL) == 0)
            app->picker_list.cursor = i;
    return found;
}

static struct tui_list *picker_list(struct tui_app *app)
{
    samples(app);
    return &app->picker_list;
}

static void picker_render(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    const struct sc_import_samples *found = samples(app);
    struct tui_list *list = &app->picker_list;
    struct tui_rect body = {rect.x, rect.y + 2, rect.width, rect.height - 2};
    tui_text(grid, rect, 1, 0, TUI_TITLE, "choose a model");
    tui_text(grid, rect, 17, 0, TUI_DIM, "Enter opens it; :open FILE opens one of your own");
    tui_list_place(app, list, body, TUI_PANE_GRAPH);
    for (int y = 0; found && y < body.height && list->top + y < found->count; y++) {
        const struct sc_import_sample *sample = &found->at[list->top + y];
        tui_text(grid, body, 2, y, TUI_HEADER, sample->name);
        tui_text(grid, body, 24, y, TUI_DIM, sample->about);
        if (list->top + y == list->cursor)
            tui_tint(grid, body, y, TUI_CURSOR);
    }
}

static void picker_enter(struct tui_app *app)
{
    const struct sc_import_samples *found = samples(app);
    if (found && app->picker_list.cursor < found->count)
        tui_open(app, found->at[app->picker_list.cursor].path);
}

static bool picker_text(struct tui_app *app, int index, struct sc_str *out)
{
    const struct sc_import_samples *found = samples(app);
    if (!found || index < 0 || index >= found->count)
        return false;
    sc_str_addf(out, "%s %s", found->at[index].name, found->at[index].about);
    return true;
}

const struct tui_view_ops tui_picker_view = {"models", "models", picker_render, picker_list, picker_enter, picker_text};
