/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a folded block costs, beside the graph: its parts, and the ops of one copy that cost most.
 */
#include <stdio.h>
#include <string.h>

#include "ui/app.h"

enum { TOP = 8 };

struct costly {
    int op;
    double seconds;
};

/* The costliest ops of the row's first copy, best first; their number. */
static int find_costly(const struct tui_app *app, const struct tui_row *row, struct costly *top)
{
    int count = 0;
    for (int k = 0; k < row->length; k++) {
        struct costly new = {row->op + k, 0};
        const struct tui_row one = {.op = new.op, .copies = 1, .length = 1, .repeat = -1};
        struct sc_op_cost cost;
        if (app->graph->ops[new.op].operand_count == 0)
            continue;
        tui_row_cost(app, &one, &cost);
        new.seconds = cost.total_s;
        int at = count < TOP ? count++ : TOP - 1;
        if (at == TOP - 1 && count == TOP && top[at].op && top[at].seconds >= new.seconds)
            continue;
        for (; at > 0 && top[at - 1].seconds < new.seconds; at--)
            top[at] = top[at - 1];
        top[at] = new;
    }
    return count;
}

static void draw_line(struct tui_grid *grid, struct tui_rect rect, int y, const char *what, double seconds,
                      double whole, enum tui_role role)
{
    char text[32];
    int bar = rect.width - 42 > 20 ? 20 : rect.width - 42;
    sc_format_seconds(seconds, text, sizeof text);
    tui_text(grid, rect, 2, y, TUI_PLAIN, what);
    tui_right(grid, rect, 16, y, 10, seconds > 0 ? role : TUI_DIM, seconds > 0 ? text : "\xc2\xb7");
    if (whole <= 0 || seconds <= 0)
        return;
    tui_textf(grid, rect, 28, y, TUI_DIM, "%5.1f %%", 100 * seconds / whole);
    if (bar > 4)
        tui_bar(grid, rect, 38, y, bar, seconds / whole, role);
}

static void draw_costly(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect,
                        const struct tui_row *row)
{
    struct costly top[TOP] = {{0, 0}};
    int count = find_costly(app, row, top);
    tui_textf(grid, rect, 2, 0, TUI_DIM, "costliest ops%s", row->copies > 1 ? " of one copy" : "");
    for (int i = 0; i < count && top[i].seconds > 0; i++) {
        const struct tui_row one = {
            .op = top[i].op, .copies = row->copies, .length = row->length, .repeat = row->repeat, .depth = 1};
        char name[256], strategy[64], seconds[32];
        tui_row_name(app, &one, name, sizeof name);
        sc_plan_op_strategy(app->plan, top[i].op, strategy, sizeof strategy);
        sc_format_seconds(top[i].seconds, seconds, sizeof seconds);
        struct tui_rect part = rect;
        part.width = rect.width < 26 ? rect.width : 26;
        tui_text(grid, part, 2, i + 1, TUI_PLAIN, name);
        tui_right(grid, rect, 26, i + 1, 9, TUI_COMPUTE, seconds);
        tui_text(grid, rect, 38, i + 1, TUI_DIM, strategy);
    }
}

void tui_render_fold(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, const struct tui_row *row)
{
    char name[256];
    struct sc_op_cost cost;
    bool planned = app->plan && app->plan->choice && app->plan->graph == app->graph;
    double whole = planned ? app->plan->objective_s : 0;
    tui_row_name(app, row, name, sizeof name);
    int end = tui_text(grid, rect, 0, 0, TUI_TITLE, name);
    tui_textf(grid, rect, end + 2, 0, TUI_DIM, "%d ops%s; Enter %s%s", row->length, row->copies > 1 ? " each" : "",
              row->open ? "closes it" : "opens it", row->copies > 1 ? ", + sets copies apart" : "");
    if (!planned)
        return;
    tui_row_cost(app, row, &cost);
    const struct {
        const char *what;
        double seconds;
        enum tui_role role;
    } lines[] = {{"compute", cost.compute_s, TUI_COMPUTE},
                 {"collectives", cost.collective_s, TUI_COMM},
                 {"resharding", cost.resharding_s, TUI_COMM}};
    for (size_t i = 0; i < SC_LEN(lines); i++)
        draw_line(grid, rect, 2 + (int)i, lines[i].what, lines[i].seconds, whole, lines[i].role);
    tui_text(grid, rect, 28, 1, TUI_DIM, "of the iteration");
    if (rect.height > 8)
        draw_costly(app, grid, (struct tui_rect){rect.x, rect.y + 6, rect.width, rect.height - 6}, row);
}
