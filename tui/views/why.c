/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Why an op is sharded as it is, or what another strategy would change: below the candidates, and as a view of its own.
 */
#include <stdio.h>
#include <string.h>

#include "ui/app.h"

/* What is paid and what is saved are told apart. */
static enum tui_role role_of(const char *line)
{
    line += strspn(line, " ");
    return *line == '+' ? TUI_COMM : *line == '-' ? TUI_GOOD : TUI_PLAIN;
}

/* The text from row `skip` on; returns all rows. */
static int draw(struct tui_grid *grid, struct tui_rect rect, int skip, const char *text)
{
    int rows = 0;
    while (*text) {
        size_t length = strcspn(text, "\n");
        int above = skip > rows ? skip - rows : 0, y = rows > skip ? rows - skip : 0;
        struct tui_rect part = {rect.x, rect.y + y, rect.width, rect.height - y};
        rows += tui_paragraph(grid, part, above, role_of(text), text, length);
        text += length + (text[length] == '\n');
    }
    return rows;
}

static const char *title(bool about_other)
{
    return about_other ? "what if" : "why";
}

/* In a small place the sentences about another strategy come first: how the op runs now is in the list above. */
static const char *what_matters(const char *text, bool about_other)
{
    const char *change = about_other ? strstr(text, "\nForcing ") : NULL;
    return change ? change + 1 : text;
}

int tui_render_why(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    bool about_other;
    const char *text = tui_why_text(app, &about_other);
    struct tui_rect body = {rect.x, rect.y + 1, rect.width, rect.height - 1};
    if (!text)
        text = app->solving ? "" : "asking the solver\xe2\x80\xa6";
    text = what_matters(text, about_other);
    if (!grid)
        return draw(NULL, body, 0, text);
    tui_fill(grid, rect, 0, 0x2500, TUI_BORDER);
    tui_textf(grid, rect, 1, 0, TUI_TITLE, " %s ", title(about_other));
    int rows = draw(grid, body, 0, text);
    if (rows > body.height)
        tui_right(grid, rect, 0, 0, rect.width - 1, TUI_DIM, " w shows all ");
    return rows;
}

/* ---- the view ---- */

static const char *whole(const struct tui_app *app, bool *about_other)
{
    *about_other = false;
    const char *text = app->why_of == TUI_VIEW_TIMELINE ? tui_timeline_words(app) : tui_why_text(app, about_other);
    *about_other &= app->why_of != TUI_VIEW_TIMELINE;
    return text ? text : "Nothing to explain yet: choose an op in the graph, and wait for its plan.";
}

static struct tui_list *list(struct tui_app *app)
{
    return &app->why_list;
}

static int count(struct tui_app *app, int width)
{
    bool about_other;
    return draw(NULL, (struct tui_rect){0, 0, width - 2, 0}, 0, whole(app, &about_other));
}

static void draw_head(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    bool about_other;
    whole(app, &about_other);
    int x = tui_text(grid, rect, 1, 0, TUI_TITLE, title(about_other));
    tui_text(grid, rect, x + 2, 0, TUI_DIM, "y copies it, q goes back");
}

static void draw_row(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, int index)
{
    bool about_other;
    draw(grid, (struct tui_rect){rect.x + 1, rect.y, rect.width - 2, 1}, index, whole(app, &about_other));
}

/* Any row stands for all of it: a sentence is seldom whole on one. */
static bool text(struct tui_app *app, int index, struct sc_str *out)
{
    bool about_other;
    if (index != 0 && index != app->why_list.cursor)
        return false;
    sc_str_add(out, whole(app, &about_other));
    return true;
}

static void enter(struct tui_app *app)
{
    app->view = app->why_of;
}

/* Of the timeline nothing more is to be asked. */
static void update(struct tui_app *app)
{
    if (app->why_of == TUI_VIEW_GRAPH)
        tui_candidates_update(app);
}

const struct tui_view_ops tui_why_view = {
    .name = "why",
    .head = 1,
    .list = list,
    .count = count,
    .update = update,
    .draw_head = draw_head,
    .draw_row = draw_row,
    .text = text,
    .enter = enter,
};
