/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Help, made from the tables: commands by where they work, what changes a session, and its settings.
 */
#include <stdio.h>
#include <string.h>

#include "ui/app.h"

struct help_row {
    const char *heading; /* a row that is only this; else NULL */
    const char *name, *keys, *arguments, *help;
    const struct tui_command *command; /* NULL: to be completed on the ':' line */
    const char *prefix;                /* of that line */
};

/* Walks the rows; the one that is looked for ends in *out. */
struct walk {
    int index;
    struct help_row *out;
    bool found;
};

static void visit(struct walk *walk, const struct help_row *row)
{
    if (walk->index-- != 0)
        return;
    *walk->out = *row;
    walk->found = true;
}

static void heading(struct walk *walk, const char *text)
{
    visit(walk, &(struct help_row){.heading = text, .name = "", .keys = "", .arguments = "", .help = "", .prefix = ""});
}

/* Commands of a context; those without a key only when asked for. */
static void visit_commands(struct walk *walk, const char *context, bool keyed)
{
    const struct tui_command *c;
    for (size_t i = 0; (c = tui_command_at(i)); i++)
        if (strcmp(c->context, context) == 0 && (*c->keys != '\0') == keyed)
            visit(walk, &(struct help_row){NULL, c->name, c->keys, c->arguments, c->help, c, ""});
}

static bool find_row(int index, struct help_row *out)
{
    struct walk walk = {index, out, false};
    const struct sc_verb *verb;
    const struct sc_option *option;
    heading(&walk, "in the graph");
    visit_commands(&walk, "graph", true);
    heading(&walk, "in the graph and in stages");
    visit_commands(&walk, "graph stages", true);
    heading(&walk, "in the timeline");
    visit_commands(&walk, "timeline", true);
    heading(&walk, "everywhere");
    visit_commands(&walk, "", true);
    heading(&walk, "by name, after ':'");
    visit_commands(&walk, "", false);
    heading(&walk, "changes of the session: undone by u, saved with it");
    for (size_t i = 0; (verb = sc_session_verb_at(i)); i++)
        visit(&walk, &(struct help_row){NULL, verb->name, "", verb->arguments, verb->help, NULL, ""});
    heading(&walk, "settings, as on the command line");
    for (size_t i = 0; (option = sc_option_at(i)); i++)
        if (option->saved)
            visit(&walk, &(struct help_row){NULL, option->name, "", option->argument ? option->argument : "on|off",
                                            option->help, NULL, "set "});
    return walk.found;
}

static struct tui_list *list(struct tui_app *app)
{
    return &app->help_list;
}

static int count(struct tui_app *app, int width)
{
    struct help_row row;
    int rows = 0;
    (void)app;
    (void)width;
    while (find_row(rows, &row))
        rows++;
    return rows;
}

static void draw_head(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    (void)app;
    int x = tui_text(grid, rect, 1, 0, TUI_TITLE, "help");
    tui_text(grid, rect, x + 2, 0, TUI_DIM, "Enter runs the line under the cursor, / finds, q leaves");
}

static void draw_row(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, int index)
{
    enum { NAME = 16 };
    struct help_row row;
    char left[96];
    struct tui_rect part = rect;
    int wide = rect.width >= 100 ? 34 : 22;
    (void)app;
    if (!find_row(index, &row))
        return;
    if (row.heading) {
        tui_text(grid, rect, 1, 0, TUI_HEADER, row.heading);
        return;
    }
    tui_text(grid, rect, 2, 0, TUI_KEY, row.keys);
    snprintf(left, sizeof left, "%s%s%s%s", row.prefix, row.name, *row.arguments ? " " : "", row.arguments);
    part.width = NAME + 1 + wide < rect.width ? NAME + 1 + wide : rect.width;
    tui_text(grid, part, NAME + 1, 0, TUI_PLAIN, left);
    tui_text(grid, rect, NAME + 2 + wide, 0, TUI_DIM, row.help);
}

static bool text(struct tui_app *app, int index, struct sc_str *out)
{
    struct help_row row;
    (void)app;
    if (!find_row(index, &row))
        return false;
    if (row.heading)
        sc_str_add(out, row.heading);
    else
        sc_str_addf(out, "%s%s:%s%s%s%s  %s", row.keys, *row.keys ? "  " : "", row.prefix, row.name,
                    *row.arguments ? " " : "", row.arguments, row.help);
    return true;
}

static void enter(struct tui_app *app)
{
    struct help_row row;
    char line[128];
    if (!find_row(app->help_list.cursor, &row) || row.heading)
        return;
    app->view = app->session ? TUI_VIEW_GRAPH : TUI_VIEW_PICKER;
    if (row.command && strcmp(row.command->name, "help") != 0) {
        row.command->run(app, "");
    } else if (!row.command) {
        snprintf(line, sizeof line, "%s%s%s", row.prefix, row.name, *row.arguments ? " " : "");
        tui_edit_begin(app, ':', line);
    }
}

const struct tui_view_ops tui_help_view = {
    .name = "help",
    .head = 1,
    .detail = true,
    .list = list,
    .count = count,
    .draw_head = draw_head,
    .draw_row = draw_row,
    .text = text,
    .enter = enter,
};
