/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The log: what was said, newest last.
 */
#include "ui/app.h"

static struct tui_list *list(struct tui_app *app)
{
    return &app->log_list;
}

static int count(struct tui_app *app, int width)
{
    (void)width;
    return (int)app->log.count;
}

static void draw_head(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    int x = tui_text(grid, rect, 1, 0, TUI_TITLE, "log");
    tui_text(grid, rect, x + 2, 0, TUI_DIM, app->log.count ? "what was said, newest last" : "nothing was said yet");
}

static void draw_row(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, int index)
{
    tui_text(grid, rect, 2, 0, TUI_PLAIN, app->log.data[index]);
}

static bool text(struct tui_app *app, int index, struct sc_str *out)
{
    if (index < 0 || index >= (int)app->log.count)
        return false;
    sc_str_add(out, app->log.data[index]);
    return true;
}

const struct tui_view_ops tui_log_view = {
    .name = "log",
    .head = 1,
    .detail = true,
    .list = list,
    .count = count,
    .draw_head = draw_head,
    .draw_row = draw_row,
    .text = text,
};
