/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The explorer's life: begin, results of the worker, keys, end.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "import/import.h"
#include "ui/app.h"

void tui_list_move(struct tui_list *list, int by)
{
    long long cursor = (long long)list->cursor + by;
    if (cursor >= list->count)
        cursor = list->count - 1;
    list->cursor = cursor < 0 ? 0 : (int)cursor;
}

void tui_list_show(struct tui_list *list, int height)
{
    if (height < 1)
        return;
    if (list->top > list->cursor)
        list->top = list->cursor;
    if (list->top < list->cursor - height + 1)
        list->top = list->cursor - height + 1;
    if (list->top > list->count - height)
        list->top = list->count - height;
    if (list->top < 0)
        list->top = 0;
}

void tui_list_place(struct tui_app *app, struct tui_list *list, struct tui_rect rect, enum tui_pane pane)
{
    tui_list_show(list, rect.height);
    if (app->hit_count < (int)SC_LEN(app->hits))
        app->hits[app->hit_count++] = (struct tui_hit){rect, list, pane};
}

void tui_say(struct tui_app *app, enum tui_role role, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(app->message, sizeof app->message, format, args);
    va_end(args);
    app->message_role = role;
    for (char *c = app->message; *c; c++)
        if (*c == '\n')
            *c = ' ';
    char *copy = sc_alloc(strlen(app->message) + 1);
    if (!copy)
        return;
    strcpy(copy, app->message);
    if (!sc_vec_push(&app->log, copy)) {
        sc_free(copy);
        return;
    }
    app->log_list.count = (int)app->log.count;
    app->log_list.cursor = app->log_list.count - 1;
}

/* ---- model and plan ---- */

void tui_set_plan(struct tui_app *app, struct sc_plan *plan)
{
    tui_candidates_drop(app);
    sc_plan_free(app->plan);
    app->plan = plan;
    sc_graph_free(app->graph);
    app->graph = sc_graph_share(plan->graph);
    sc_cluster_free(app->cluster);
    app->cluster = sc_cluster_share(plan->cluster);
    app->rows_stale = true;
}

void tui_submit(struct tui_app *app)
{
    struct sc_error err = {0};
    if (!app->session)
        return;
    app->wanted = sc_session_revision(app->session);
    app->delta_asked = false;
    if (!app->worker)
        return;
    if (sc_worker_submit(app->worker, sc_session_settings(app->session), app->wanted, &err) != SC_OK) {
        tui_say(app, TUI_BAD, "%s", err.message);
        return;
    }
    app->solving = true;
    app->cancelled = false;
    app->solve_started = sc_now();
}

/* Would these pins name an op and a strategy of it? Said at once, before any solve. */
static bool pins_make_sense(struct tui_app *app, const struct sc_settings *settings)
{
    for (int i = 0; app->graph && i < settings->pins.count; i++) {
        const char *pin = settings->pins.at[i], *equals = strchr(pin, '=');
        char glob[512];
        bool found = false;
        if (!equals || (size_t)(equals - pin) >= sizeof glob)
            continue;
        memcpy(glob, pin, (size_t)(equals - pin));
        glob[equals - pin] = '\0';
        for (int op = 0; !found && op < app->graph->op_count; op++)
            found = sc_glob_match(glob, app->graph->ops[op].name);
        if (!found) {
            const char **names = sc_calloc((size_t)app->graph->op_count + 1, sizeof *names);
            for (int op = 0; names && op < app->graph->op_count; op++)
                names[op] = app->graph->ops[op].name;
            const char *near = names ? sc_nearest(glob, names, (size_t)app->graph->op_count) : NULL;
            tui_say(app, TUI_BAD, "no op is named '%s'%s%s%s", glob, near ? "; did you mean '" : "", near ? near : "",
                    near ? "'?" : "");
            sc_free(names);
            return false;
        }
    }
    return true;
}

bool tui_apply(struct tui_app *app, const char *command)
{
    struct sc_error err = {0};
    if (!app->session) {
        tui_say(app, TUI_WARN, "choose a model first");
        return false;
    }
    uint64_t before = sc_session_hash(app->session);
    if (sc_session_apply(app->session, command, &err) != SC_OK) {
        tui_say(app, TUI_BAD, "%s", err.message);
        return false;
    }
    if (strncmp(command, "undo", 4) != 0 && strncmp(command, "redo", 4) != 0 &&
        !pins_make_sense(app, sc_session_settings(app->session))) {
        sc_session_apply(app->session, "undo", NULL);
        return false;
    }
    if (sc_session_hash(app->session) != before)
        tui_submit(app);
    return true;
}

bool tui_open_model(struct tui_app *app, const char *path)
{
    struct sc_error err = {0};
    struct sc_settings settings;
    struct sc_session *session = NULL;
    struct sc_graph *graph = NULL;
    struct sc_cluster *cluster = NULL;
    char text[1024];
    bool ok = true;
    sc_settings_init(&settings);
    if (app->session)
        ok = sc_settings_copy(&settings, sc_session_settings(app->session));
    ok = ok && sc_settings_set_model(&settings, path);
    if (!ok)
        sc_fail(&err, SC_NO_MEMORY, "no memory to open %s", path);
    ok = ok && sc_planner_load(app->planner, &settings, &graph, &cluster, &err) == SC_OK;
    ok = ok && sc_session_new(&settings, &session, &err) == SC_OK;
    sc_settings_free(&settings);
    if (!ok) {
        sc_graph_free(graph);
        sc_cluster_free(cluster);
        sc_error_format(&err, text, sizeof text);
        tui_say(app, TUI_BAD, "%s", text);
        return false;
    }
    tui_candidates_drop(app);
    sc_session_free(app->session);
    sc_plan_free(app->plan);
    sc_graph_free(app->graph);
    sc_cluster_free(app->cluster);
    app->session = session;
    app->plan = NULL;
    app->graph = graph;
    app->cluster = cluster;
    app->list = (struct tui_list){0};
    app->rows_stale = true;
    app->view = TUI_VIEW_GRAPH;
    tui_submit(app);
    return true;
}

/* ---- results ---- */

static void say_plan(struct tui_app *app, const struct sc_plan *old, const struct sc_plan *plan)
{
    char time[32], change[32];
    if (!plan->choice) {
        struct sc_str text = {0};
        for (int i = 0; i < plan->conflict_count; i++)
            sc_str_addf(&text, "%s%s", i ? "; " : "", plan->conflicts[i]);
        tui_say(app, TUI_BAD, plan->status == SC_SOLVED_INFEASIBLE ? "no plan: these cannot hold together: %s (u takes the last change back)"
                                                                   : "stopped with no plan%s", sc_str_text(&text));
        sc_str_free(&text);
        return;
    }
    for (int i = 0; i < plan->warning_count; i++)
        tui_say(app, TUI_WARN, "%s", plan->warnings[i]);
    if (plan->warning_count)
        return;
    sc_format_seconds(plan->solve_s, time, sizeof time);
    if (old && old->choice && old->graph == plan->graph) {
        double delta = plan->objective_s - old->objective_s;
        int flips = 0;
        if (old->costs->node_count == plan->costs->node_count)
            for (int op = 0; op < plan->graph->op_count; op++) {
                char was[64], is[64];
                sc_plan_op_strategy(old, op, was, sizeof was);
                sc_plan_op_strategy(plan, op, is, sizeof is);
                flips += strcmp(was, is) != 0;
            }
        sc_format_seconds(fabs(delta), change, sizeof change);
        tui_say(app, TUI_PLAIN, "solved in %s: iteration %s%s (%+.2f %%), %d op%s changed", time,
                delta > 0 ? "+" : delta < 0 ? "-" : "\xc2\xb1", change, 100 * delta / old->objective_s, flips,
                flips == 1 ? "" : "s");
    } else {
        tui_say(app, TUI_PLAIN, "solved in %s", time);
    }
}

/* An answer about the op whose candidates are shown, or about one that was left meanwhile. */
static void take_answer(struct tui_app *app, struct sc_result *result)
{
    bool ours = result->plan == app->plan && app->candidate_op >= 0 && app->candidate_plan == app->plan &&
                app->plan->costs->op_node[app->candidate_op] == result->node;
    char **text = result->kind == SC_RESULT_WHY ? &app->what_if : &app->why;
    if (ours && result->kind == SC_RESULT_DELTA && result->count == app->candidate_count)
        tui_candidates_refine(app, result);
    else if (result->kind == SC_RESULT_DELTA || result->choice != app->what_if_asked)
        ours = false;
    if (ours) {
        sc_free(*text);
        *text = result->why;
        result->why = NULL;
    }
    sc_plan_free(result->plan);
}

void tui_app_results(struct tui_app *app)
{
    struct sc_result result = app->worker ? sc_worker_take(app->worker) : (struct sc_result){0};
    char text[1024];
    if (result.kind == SC_RESULT_PLAN && result.revision == app->wanted) {
        struct sc_plan *old = app->plan ? sc_plan_share(app->plan) : NULL;
        app->solving = false;
        tui_set_plan(app, result.plan);
        say_plan(app, old, result.plan);
        sc_plan_free(old);
    } else if (result.kind == SC_RESULT_PLAN) {
        sc_plan_free(result.plan);
    } else if (result.kind == SC_RESULT_DELTA || result.kind == SC_RESULT_WHY) {
        take_answer(app, &result);
    } else if (result.kind == SC_RESULT_ERROR && result.revision == app->wanted) {
        app->solving = false;
        sc_error_format(&result.error, text, sizeof text);
        tui_say(app, app->cancelled ? TUI_WARN : TUI_BAD, "%s", text);
    }
    sc_free(result.delta);
    sc_free(result.exact);
    sc_free(result.why);
}

/* ---- keys ---- */

/* A click puts the cursor there, a second one on the same row opens it; the wheel moves the list below it. */
static void take_mouse(struct tui_app *app, struct tui_mouse mouse)
{
    for (int i = 0; i < app->hit_count; i++) {
        const struct tui_hit *hit = &app->hits[i];
        const struct tui_rect *r = &hit->rect;
        int row = hit->list->top + mouse.y - r->y;
        if (mouse.x < r->x || mouse.x >= r->x + r->width || mouse.y < r->y || mouse.y >= r->y + r->height)
            continue;
        if (mouse.wheel) {
            tui_list_move(hit->list, mouse.wheel);
        } else if (row < hit->list->count) {
            bool again = app->pane == hit->pane && hit->list->cursor == row;
            app->pane = hit->pane;
            hit->list->cursor = row;
            if (again)
                tui_view(app)->enter(app);
        }
        return;
    }
}

void tui_app_key(struct tui_app *app, int key)
{
    int previous = app->last_key;
    bool wait = false;
    app->last_key = 0;
    if (key == TUI_KEY_EOF) {
        app->quit = true;
        return;
    }
    if (key == TUI_KEY_RESIZE || key == TUI_KEY_NONE || key == TUI_KEY_OTHER) {
        app->last_key = previous;
        return;
    }
    if (app->confirm_quit) {
        app->confirm_quit = false;
        if (key == 'y')
            tui_run(app, "save-quit");
        else if (key == 'n')
            app->quit = true;
        else
            tui_say(app, TUI_PLAIN, "still here");
        return;
    }
    if (key == TUI_KEY_MOUSE) {
        if (!app->editing)
            take_mouse(app, tui_term_mouse_event(app->term));
        return;
    }
    if (app->editing) {
        tui_edit_key(app, key);
        return;
    }
    const struct tui_command *command = tui_command_of_key(tui_view(app)->context, previous, key, &wait);
    if (command) {
        app->message[0] = '\0';
        command->run(app, "");
    } else if (wait) {
        app->last_key = key;
    } else {
        char name[16];
        tui_key_name(key, name, sizeof name);
        tui_say(app, TUI_DIM, "%s does nothing here; ? shows all keys", name);
    }
}

/* ---- life ---- */

enum sc_status tui_app_new(const struct tui_start *start, struct tui_app **out, struct sc_error *err)
{
    struct tui_app *app = sc_alloc(sizeof *app);
    if (!app)
        return sc_fail(err, SC_NO_MEMORY, "no memory for the explorer");
    app->grid.ascii = start->ascii;
    app->candidate_op = app->what_if_asked = -1;
    app->loader = sc_import_loader();
    app->planner = sc_planner_new(&app->loader);
    enum sc_status status = app->planner ? SC_OK : sc_fail(err, SC_NO_MEMORY, "no memory for the explorer");
    if (status == SC_OK && start->threads && !(app->worker = sc_worker_new(&app->loader, err)))
        status = SC_INTERNAL;
    if (status == SC_OK && start->session) {
        status = sc_session_load(start->session, &app->session, err);
        snprintf(app->session_path, sizeof app->session_path, "%s", start->session);
    } else if (status == SC_OK && start->settings->model && *start->settings->model) {
        status = sc_session_new(start->settings, &app->session, err);
    }
    if (status == SC_OK && app->session)
        status = sc_planner_load(app->planner, sc_session_settings(app->session), &app->graph, &app->cluster, err);
    if (status != SC_OK) {
        tui_app_free(app);
        return status;
    }
    app->view = app->session ? TUI_VIEW_GRAPH : TUI_VIEW_PICKER;
    app->rows_stale = true;
    *out = app;
    return SC_OK;
}

void tui_app_use_term(struct tui_app *app, struct tui_term *term)
{
    app->term = term;
}

void tui_app_free(struct tui_app *app)
{
    if (!app)
        return;
    sc_worker_free(app->worker);
    sc_plan_free(app->plan);
    sc_graph_free(app->graph);
    sc_cluster_free(app->cluster);
    sc_session_free(app->session);
    sc_planner_free(app->planner);
    sc_map_free(&app->open);
    sc_map_free(&app->unrolled);
    tui_gutter_free(&app->gutter);
    sc_free(app->rows.at);
    tui_candidates_drop(app);
    if (app->picker) {
        sc_import_samples_free(app->picker);
        sc_free(app->picker);
    }
    for (size_t i = 0; i < app->log.count; i++)
        sc_free(app->log.data[i]);
    sc_vec_free(&app->log);
    for (size_t i = 0; i < app->history.count; i++)
        sc_free(app->history.data[i]);
    sc_vec_free(&app->history);
    tui_grid_free(&app->grid);
    sc_free(app);
}

void tui_app_draw(struct tui_app *app)
{
    int width, height;
    tui_term_size(app->term, &width, &height);
    if ((width != app->grid.width || height != app->grid.height || !app->grid.cells) &&
        !tui_grid_resize(&app->grid, width, height))
        return;
    tui_render(app, &app->grid);
    tui_term_show(app->term, &app->grid);
}

void tui_app_settle(struct tui_app *app)
{
    for (;;) {
        tui_app_results(app);
        if (app->rows_stale)
            tui_rows_build(app);
        tui_candidates_update(app);
        if (!app->worker || sc_worker_idle(app->worker))
            return;
        struct timespec pause = {0, 1000 * 1000};
        nanosleep(&pause, NULL);
    }
}
