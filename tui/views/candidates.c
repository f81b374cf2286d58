/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Candidates of the op under the cursor: every strategy with the Δ of the whole objective, and why.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/app.h"

void tui_candidates_drop(struct tui_app *app)
{
    sc_free(app->candidates);
    sc_free(app->why);
    app->candidates = NULL;
    app->why = NULL;
    app->candidate_count = 0;
    app->candidate_op = -1;
    app->candidate_plan = NULL;
    app->delta_asked = app->candidates_refined = false;
    app->candidate_list = (struct tui_list){0};
}

/* Keep candidates in step with the cursor and the plan; asks the worker for what is not exact yet, and for why. */
void tui_candidates_update(struct tui_app *app)
{
    int op = tui_current_op(app);
    const struct sc_plan *plan = app->plan && app->plan->choice && app->plan->graph == app->graph ? app->plan : NULL;
    if (app->candidate_op != op || app->candidate_plan != plan) {
        tui_candidates_drop(app);
        app->candidate_op = op;
        app->candidate_plan = plan;
        if (plan && op >= 0)
            sc_plan_candidates(plan, op, &app->candidates, &app->candidate_count, NULL);
        app->candidate_list.count = app->candidate_count;
        for (int i = 0; i < app->candidate_count; i++)
            if (app->candidates[i].chosen)
                app->candidate_list.cursor = i;
    }
    if (plan && op >= 0 && !app->delta_asked && !app->solving && app->worker)
        app->delta_asked = sc_worker_submit_delta(app->worker, plan, plan->costs->op_node[op], NULL) == SC_OK;
}

static void draw_delta(struct tui_grid *grid, struct tui_rect rect, int x, int y, const struct sc_candidate *c,
                       double objective)
{
    char text[32];
    if (c->chosen) {
        tui_right(grid, rect, x, y, 9, TUI_CHOSEN, "now");
    } else if (!isfinite(c->delta_s)) {
        tui_right(grid, rect, x, y, 19, TUI_BAD, "impossible");
    } else {
        char seconds[24];
        sc_format_seconds(fabs(c->delta_s), seconds, sizeof seconds);
        snprintf(text, sizeof text, "%s%s%s", c->exact ? "" : "\xe2\x89\xa5", c->delta_s < 0 ? "-" : "+", seconds);
        tui_right(grid, rect, x, y, 10, c->exact ? TUI_PLAIN : TUI_DIM, text);
        snprintf(text, sizeof text, "%+.*f %%", fabs(c->delta_s) < 0.1 * objective ? 2 : 0,
                 100 * c->delta_s / objective);
        tui_right(grid, rect, x + 10, y, 9, c->delta_s < 0 ? TUI_GOOD : TUI_DIM, text);
    }
}

static void draw_candidate(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, int y,
                           const struct sc_candidate *c)
{
    char text[32];
    int name = rect.width >= 76 ? 24 : rect.width >= 60 ? 20 : 15, x = name + 2;
    struct tui_rect part = rect;
    if (part.width > name + 2)
        part.width = name + 2;
    enum tui_role role = c->pinned ? TUI_PINNED : c->chosen ? TUI_CHOSEN : TUI_PLAIN;
    tui_put(grid, rect, 0, y, c->pinned ? 'p' : c->chosen ? 0x2605 : ' ', role);
    tui_text(grid, part, 2, y, role, c->strategy);
    if (app->plan->delta || c->chosen || app->candidates_refined)
        draw_delta(grid, rect, x, y, c, app->plan->objective_s);
    x += 19;
    const double values[] = {c->compute_s, c->collective_s};
    for (size_t i = 0; i < SC_LEN(values); i++, x += 9)
        if (x + 9 <= rect.width) {
            sc_format_seconds(values[i], text, sizeof text);
            tui_right(grid, rect, x, y, 9, values[i] > 0 ? (i ? TUI_COMM : TUI_COMPUTE) : TUI_DIM,
                      values[i] > 0 ? text : "\xc2\xb7");
        }
    if (x + 9 <= rect.width) {
        sc_format_bytes(c->memory_bytes, text, sizeof text);
        tui_right(grid, rect, x, y, 9, c->memory_bytes > 0 ? TUI_MEMORY : TUI_DIM,
                  c->memory_bytes > 0 ? text : "\xc2\xb7");
    }
}

static void draw_head(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, int op)
{
    const struct sc_op *o = &app->graph->ops[op];
    int name = rect.width >= 76 ? 24 : rect.width >= 60 ? 20 : 15, x = name + 2;
    int end = tui_text(grid, rect, 0, 0, TUI_TITLE, o->name);
    end = tui_text(grid, rect, end + 2, 0, TUI_PLAIN, o->kind->name);
    tui_text(grid, rect, end + 2, 0, TUI_DIM, o->rule->text);
    tui_text(grid, rect, 2, 1, TUI_DIM, "strategy");
    tui_right(grid, rect, x, 1, 19, TUI_DIM, "\xce\x94 iteration");
    static const char *const heads[] = {"compute", "comm", "memory"};
    for (size_t i = 0; i < SC_LEN(heads); i++)
        if (x + 19 + 9 * ((int)i + 1) <= rect.width)
            tui_right(grid, rect, x + 19 + 9 * (int)i, 1, 9, TUI_DIM, heads[i]);
}

/* Lines of `text` from the top of rect, wrapped at spaces. */
static void draw_text(struct tui_grid *grid, struct tui_rect rect, const char *text)
{
    int y = 0;
    while (*text && y < rect.height) {
        size_t length = strcspn(text, "\n"), take = length;
        int indent = (int)strspn(text, " ");
        bool first = true;
        const char *rest = text;
        while (length > 0 && y < rect.height) {
            int room = rect.width - (first ? 0 : indent + 2);
            take = length;
            if ((int)take > room && room > 4) {
                take = (size_t)room;
                while (take > 0 && rest[take] != ' ')
                    take--;
                if (take == 0 || take <= strspn(rest, " "))
                    take = (size_t)room;
            }
            tui_textf(grid, rect, first ? 0 : indent + 2, y++, TUI_PLAIN, "%.*s", (int)take, rest);
            rest += take;
            length -= take;
            while (length > 0 && *rest == ' ') {
                rest++;
                length--;
            }
            first = false;
        }
        if (first)
            y++;
        text = strchr(text, '\n') ? strchr(text, '\n') + 1 : text + strlen(text);
    }
}

static void draw_fold(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, const struct tui_row *row)
{
    char name[256], text[32];
    struct sc_op_cost cost;
    tui_row_name(app, row, name, sizeof name);
    tui_row_cost(app, row, &cost);
    tui_text(grid, rect, 0, 0, TUI_TITLE, name);
    tui_textf(grid, rect, 2, 1, TUI_PLAIN, "%d ops each; Enter %s the block%s", row->length,
              row->open ? "closes" : "opens", row->copies > 1 ? ", + unrolls its copies" : "");
    const struct {
        const char *what;
        double seconds;
    } lines[] = {{"compute", cost.compute_s}, {"collectives", cost.collective_s}, {"resharding", cost.resharding_s}};
    for (size_t i = 0; i < SC_LEN(lines); i++) {
        sc_format_seconds(lines[i].seconds, text, sizeof text);
        tui_text(grid, rect, 2, 3 + (int)i, TUI_DIM, lines[i].what);
        tui_right(grid, rect, 14, 3 + (int)i, 12, TUI_PLAIN, text);
        if (app->plan && app->plan->objective_s > 0 && app->plan->choice)
            tui_textf(grid, rect, 28, 3 + (int)i, TUI_DIM, "%4.1f %%", 100 * lines[i].seconds / app->plan->objective_s);
    }
}

void tui_render_candidates(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, bool focused)
{
    const struct tui_row *row = tui_row_at(app, app->list.cursor);
    int op = tui_current_op(app);
    if (op < 0)
        return;
    if (row->fold) {
        draw_fold(app, grid, rect, row);
        return;
    }
    draw_head(app, grid, rect, op);
    if (!app->candidate_count) {
        tui_text(grid, rect, 2, 2, TUI_DIM, app->solving ? "solving" : app->plan ? "no plan to compare with" : "");
        return;
    }
    int why = app->why && rect.height >= 14 ? (rect.height > 30 ? 20 : rect.height / 2) : 0;
    struct tui_rect body = {rect.x, rect.y + 2, rect.width, rect.height - 2 - why};
    tui_list_place(app, &app->candidate_list, body, TUI_PANE_CANDIDATES);
    for (int y = 0; y < body.height && app->candidate_list.top + y < app->candidate_count; y++) {
        draw_candidate(app, grid, body, y, &app->candidates[app->candidate_list.top + y]);
        if (app->candidate_list.top + y == app->candidate_list.cursor && focused)
            tui_tint(grid, body, y, TUI_CURSOR);
    }
    if (why) {
        struct tui_rect text = {rect.x, rect.y + rect.height - why, rect.width, why};
        int used = 2 + app->candidate_count; /* right below the list when it is short */
        if (used + 1 < rect.height - why) {
            text.y = rect.y + used + 1;
            text.height = rect.height - used - 1;
        }
        tui_fill(grid, text, 0, 0x2500, TUI_BORDER);
        tui_text(grid, text, 1, 0, TUI_TITLE, " why ");
        draw_text(grid, (struct tui_rect){text.x, text.y + 1, text.width, text.height - 1}, app->why);
    }
}
