/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What all views share: rows of a list drawn where they are in sight, the row under the cursor in full below them, and
 * the whole view as text.
 */
#include <string.h>

#include "ui/app.h"

enum { DETAIL = 3 }; /* rows of the full text, with the line above it */

void tui_list_render(struct tui_app *app, const struct tui_view_ops *view, struct tui_grid *grid, struct tui_rect rect,
                     enum tui_pane pane)
{
    struct tui_list *list = view->list(app);
    struct tui_rect body = {rect.x, rect.y + view->head, rect.width, rect.height - view->head};
    bool panes = app->view == TUI_VIEW_GRAPH || app->view == TUI_VIEW_STAGES;
    enum tui_role cursor = app->pane == pane || !panes ? TUI_CURSOR : TUI_IDLE_CURSOR;
    int covered = view->cursor ? view->cursor(app, rect.width) : rect.width;
    list->count = view->count(app, rect.width);
    tui_list_move(list, 0);
    tui_list_place(app, list, body, pane);
    if (view->draw_head)
        view->draw_head(app, grid, rect);
    for (int y = 0; y < body.height && list->top + y < list->count; y++) {
        struct tui_rect row = {body.x, body.y + y, body.width, 1};
        view->draw_row(app, grid, row, list->top + y);
        row.width = covered < row.width ? covered : row.width;
        if (list->top + y == list->cursor)
            tui_tint(grid, row, 0, cursor);
    }
}

/* A row that was cut is shown in full at the bottom. */
static void draw_detail(struct tui_app *app, const struct tui_view_ops *view, struct tui_grid *grid,
                        struct tui_rect rect)
{
    struct sc_str text = {0};
    struct tui_rect body = {rect.x + 1, rect.y + 1, rect.width - 2, rect.height - 1};
    tui_fill(grid, rect, 0, 0x2500, TUI_BORDER);
    if (view->text(app, view->list(app)->cursor, &text))
        tui_paragraph(grid, body, 0, TUI_PLAIN, sc_str_text(&text), text.length);
    sc_str_free(&text);
}

void tui_view_render(struct tui_app *app, const struct tui_view_ops *view, struct tui_grid *grid, struct tui_rect rect)
{
    if (view->render) {
        view->render(app, grid, rect);
        return;
    }
    int detail = view->detail && rect.height >= 12 ? DETAIL : 0;
    rect.height -= detail;
    tui_list_render(app, view, grid, rect, TUI_PANE_MAIN);
    rect.y += rect.height;
    rect.height = detail;
    if (detail)
        draw_detail(app, view, grid, rect);
}

bool tui_view_write(struct tui_app *app, const struct tui_view_ops *view, int width, struct sc_str *out)
{
    struct tui_grid grid = {.ascii = app->grid.ascii};
    int rows = view->count(app, width);
    if (!tui_grid_resize(&grid, width, view->head + rows))
        return false;
    if (view->draw_head)
        view->draw_head(app, &grid, tui_grid_all(&grid));
    for (int i = 0; i < rows; i++)
        view->draw_row(app, &grid, (struct tui_rect){0, view->head + i, width, 1}, i);
    tui_grid_write(&grid, false, out);
    tui_grid_free(&grid);
    if (view->write)
        view->write(app, out);
    return !out->failed;
}

const struct tui_view_ops *tui_focused(const struct tui_app *app)
{
    if (app->pane == TUI_PANE_BESIDE && app->view == TUI_VIEW_GRAPH)
        return &tui_candidates_view;
    if (app->pane == TUI_PANE_BESIDE && app->view == TUI_VIEW_STAGES)
        return &tui_positions_view;
    return tui_view(app);
}
