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

enum { LOG_MAX = 1000 };

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
    if (role == TUI_DIM) /* hints are not for the log */
        return;
    char *copy = sc_alloc(strlen(app->message) + 1);
    if (!copy)
        return;
    strcpy(copy, app->message);
    if (app->log.count >= LOG_MAX) {
        sc_free(app->log.data[0]);
        memmove(app->log.data, app->log.data + 1, --app->log.count * sizeof *app->log.data);
    }
    if (!sc_vec_push(&app->log, copy)) {
        sc_free(copy);
        return;
    }
    app->log_list.count = (int)app->log.count;
    app->log_list.cursor = app->log_list.count - 1;
}

/* ---- model and plan ---- */

/* Before the plan that they are about goes. */
static void drop_answers(struct tui_app *app)
{
    tui_candidates_drop(app);
    tui_positions_drop(app);
    tui_timeline_drop(app);
}

/* The cursor of stages stays, or follows the cut that was moved. */
static void place_stage(struct tui_app *app)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    int count = plan ? plan->stage_count : 0;
    app->stage_list.count = count;
    tui_list_move(&app->stage_list, 0);
    for (int i = 1; app->followed && i < count; i++)
        if (plan->stages[i].first_layer == app->followed)
            app->stage_list.cursor = i;
}

void tui_set_plan(struct tui_app *app, struct sc_plan *plan)
{
    if (plan == app->plan) { /* nothing better was found */
        sc_plan_free(plan);
        return;
    }
    drop_answers(app);
    sc_plan_free(app->plan);
    app->plan = plan;
    sc_graph_free(app->graph);
    app->graph = sc_graph_share(plan->graph);
    sc_cluster_free(app->cluster);
    app->cluster = sc_cluster_share(plan->cluster);
    place_stage(app);
    tui_rows_build(app); /* rows name stages by number */
}

bool tui_plan_is_old(const struct tui_app *app)
{
    return app->plan && app->plan->revision != app->wanted;
}

void tui_submit(struct tui_app *app, bool to_the_end)
{
    static const double patience_s = 20;
    struct sc_error err = {0};
    if (!app->session)
        return;
    const struct sc_settings *settings = sc_session_settings(app->session);
    double limit = to_the_end ? 0 : settings->time_limit > 0 ? settings->time_limit : patience_s;
    app->wanted = sc_session_revision(app->session);
    app->asked = TUI_ASK_NOTHING;
    sc_plan_free(app->before);
    app->before = app->plan ? sc_plan_share(app->plan) : NULL;
    if (!app->worker)
        return;
    if (sc_worker_submit(app->worker, settings, app->wanted, limit, &err) != SC_OK) {
        tui_say(app, TUI_BAD, "%s", err.message);
        return;
    }
    app->solving = true;
    app->cancelled = false;
    app->solve_started = sc_now();
}

static bool names_an_op(struct tui_app *app, const char *glob)
{
    const struct sc_graph *graph = app->graph;
    for (int op = 0; op < graph->op_count; op++)
        if (sc_glob_match(glob, graph->ops[op].name))
            return true;
    const char **names = sc_calloc((size_t)graph->op_count + 1, sizeof *names);
    for (int op = 0; names && op < graph->op_count; op++)
        names[op] = graph->ops[op].name;
    const char *near = names ? sc_nearest(glob, names, (size_t)graph->op_count) : NULL;
    tui_say(app, TUI_BAD, "no op is named '%s'%s%s%s", glob, near ? "; did you mean '" : "", near ? near : "",
            near ? "'?" : "");
    sc_free(names);
    return false;
}

/* A pin that matches nothing is refused before it is made. `command` may be several, separated by ";". */
static bool pins_make_sense(struct tui_app *app, const char *command)
{
    char glob[512];
    for (const char *one = command; one && app->graph; one = strchr(one, ';')) {
        one += strspn(one, "; \t");
        if (strncmp(one, "pin ", 4) != 0)
            continue;
        const char *begin = one + 4 + strspn(one + 4, " \t");
        size_t length = strcspn(begin, " \t;");
        if (!length || length >= sizeof glob)
            continue;
        memcpy(glob, begin, length);
        glob[length] = '\0';
        if (!names_an_op(app, glob))
            return false;
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
    if (!pins_make_sense(app, command))
        return false;
    uint64_t before = sc_session_hash(app->session);
    if (sc_session_apply(app->session, command, &err) != SC_OK) {
        tui_say(app, TUI_BAD, "%s", err.message);
        return false;
    }
    if (sc_session_hash(app->session) != before)
        tui_submit(app, false);
    return true;
}

bool tui_is_session(const char *path)
{
    struct sc_json_doc *doc;
    if (strcmp(path, "-") == 0 || sc_json_load(path, &doc, NULL) != SC_OK)
        return false;
    const char *kind = sc_json_string(sc_json_get(sc_json_root(doc), "kind"));
    bool session = kind && strcmp(kind, "session") == 0;
    sc_json_doc_free(doc);
    return session;
}

/* A session of another model keeps the settings of this one: machine, mode and the like; not what names ops or layers.
 */
static enum sc_status new_session(const struct tui_app *app, const char *path, struct sc_session **out,
                                  struct sc_error *err)
{
    struct sc_settings settings;
    sc_settings_init(&settings);
    bool ok = !app->session || sc_settings_copy(&settings, sc_session_settings(app->session));
    struct sc_texts *const of_model[] = {&settings.pins, &settings.cuts, &settings.no_cuts, &settings.stage_meshes};
    for (size_t k = 0; k < SC_LEN(of_model); k++) {
        for (int i = 0; i < of_model[k]->count; i++)
            sc_free(of_model[k]->at[i]);
        sc_free(of_model[k]->at);
        *of_model[k] = (struct sc_texts){0};
    }
    enum sc_status status = ok && sc_settings_set_model(&settings, path)
                                ? sc_session_new(&settings, out, err)
                                : sc_fail(err, SC_NO_MEMORY, "no memory to open %s", path);
    sc_settings_free(&settings);
    return status;
}

bool tui_open(struct tui_app *app, const char *path)
{
    struct sc_error err = {0};
    struct sc_session *session = NULL;
    struct sc_graph *graph = NULL;
    struct sc_cluster *cluster = NULL;
    char text[1024];
    bool saved = tui_is_session(path);
    enum sc_status status = saved ? sc_session_load(path, &session, &err) : new_session(app, path, &session, &err);
    if (status == SC_OK)
        status = sc_planner_load(app->planner, sc_session_settings(session), &graph, &cluster, &err);
    if (status != SC_OK) {
        sc_session_free(session);
        sc_error_format(&err, text, sizeof text);
        tui_say(app, TUI_BAD, "%s", text);
        return false;
    }
    sc_session_free(app->session);
    drop_answers(app);
    sc_plan_free(app->before);
    sc_plan_free(app->plan);
    sc_graph_free(app->graph);
    sc_cluster_free(app->cluster);
    app->before = NULL;
    snprintf(app->session_path, sizeof app->session_path, "%s", saved ? path : "");
    app->session = session;
    app->plan = NULL;
    app->graph = graph;
    app->cluster = cluster;
    app->recovered = false;
    app->list = app->stage_list = (struct tui_list){0};
    app->followed = 0;
    app->filter[0] = '\0';
    app->rows_stale = true;
    app->view = TUI_VIEW_GRAPH;
    app->pane = TUI_PANE_MAIN;
    tui_submit(app, false);
    return true;
}

/* ---- results ---- */

static void say_no_plan(struct tui_app *app, const struct sc_plan *plan)
{
    struct sc_str text = {0};
    for (int i = 0; i < plan->conflict_count; i++)
        sc_str_addf(&text, "%s%s", i ? "; " : "", plan->conflicts[i]);
    if (plan->status == SC_SOLVED_INFEASIBLE)
        tui_say(app, TUI_BAD, "no plan: these cannot hold together: %s", sc_str_text(&text));
    else
        tui_say(app, TUI_BAD, "stopped before a plan was found; r tries again");
    sc_str_free(&text);
}

/* Ops whose strategy is another one now; -1 when the two are of different machines or models. */
static int count_changes(const struct sc_plan *old, const struct sc_plan *plan)
{
    int changes = 0;
    for (int op = 0; op < plan->graph->op_count; op++) {
        const struct sc_plan *before = sc_plan_of_op(old, op), *now = sc_plan_of_op(plan, op);
        if (before->costs != now->costs || !before->choice || !now->choice)
            return -1;
        int node = now->costs->op_node[op];
        changes += before->choice[node] != now->choice[node];
    }
    return changes;
}

enum tui_role tui_describe_gap(const struct sc_plan *plan, bool brief, struct sc_str *out)
{
    if (plan->status == SC_SOLVED_OPTIMAL && plan->gap <= 0) {
        sc_str_add(out, "optimal");
        return TUI_GOOD;
    }
    if (isfinite(plan->bound_s) && plan->bound_s > 0)
        sc_str_addf(out, brief ? "gap %.2g %%" : "within %.2g %% of optimal", 100 * plan->gap);
    else
        sc_str_add(out, brief ? "not proven" : "not known to be optimal");
    return TUI_WARN;
}

static bool begins_at(const struct sc_plan *plan, int layer)
{
    for (int i = 0; i < plan->stage_count; i++)
        if (plan->stages[i].first_layer == layer)
            return true;
    return false;
}

/* ", 2 stages, were 1", ", 3 of 15 cuts moved" */
static void say_stages(const struct sc_plan *old, const struct sc_plan *plan, struct sc_str *out)
{
    int moved = 0;
    for (int i = 1; i < plan->stage_count; i++)
        moved += !begins_at(old, plan->stages[i].first_layer);
    if (old->stage_count != plan->stage_count)
        sc_str_addf(out, ", %d stage%s, %s %d", plan->stage_count, plan->stage_count == 1 ? "" : "s",
                    old->stage_count == 1 ? "was" : "were", old->stage_count);
    else if (moved)
        sc_str_addf(out, ", %d of %d cut%s moved", moved, plan->stage_count - 1, plan->stage_count == 2 ? "" : "s");
}

/* "solved in 21 ms: iteration +3.2 ms (+0.14 %), 3 ops changed" */
static void say_plan(struct tui_app *app, const struct sc_plan *plan)
{
    const struct sc_plan *old = app->before;
    struct sc_str text = {0};
    char number[32];
    if (!plan->choice) {
        say_no_plan(app, plan);
        return;
    }
    bool proven = plan->status == SC_SOLVED_OPTIMAL;
    if (proven) {
        sc_format_seconds(plan->solve_s, number, sizeof number);
        sc_str_addf(&text, "solved in %s", number);
    } else {
        tui_describe_gap(plan, false, &text);
        sc_str_add(&text, " (r: go on)");
    }
    if (old && old->choice && old->graph == plan->graph) {
        double delta = plan->objective_s - old->objective_s;
        int changes = count_changes(old, plan);
        sc_format_seconds(fabs(delta), number, sizeof number);
        if (delta != 0)
            sc_str_addf(&text, ": iteration %c%s (%+.3g %%)", delta > 0 ? '+' : '-', number,
                        100 * delta / old->objective_s);
        else
            sc_str_add(&text, ": iteration as before");
        if (changes >= 0)
            sc_str_addf(&text, ", %d op%s changed", changes, changes == 1 ? "" : "s");
        say_stages(old, plan, &text);
    }
    tui_say(app, proven ? TUI_PLAIN : TUI_WARN, "%s", sc_str_text(&text));
    for (int i = 0; i < plan->warning_count; i++)
        tui_say(app, TUI_WARN, "%s", plan->warnings[i]);
    sc_str_free(&text);
}

/* To who has asked. */
static void take_answer(struct tui_app *app, struct sc_result *result)
{
    if (app->asked == TUI_ASK_POSITIONS || app->asked == TUI_ASK_REASON)
        tui_positions_answer(app, result);
    else if (app->asked == TUI_ASK_TIMELINE)
        tui_timeline_answer(app, result);
    else
        tui_candidates_answer(app, result);
}

void tui_app_results(struct tui_app *app)
{
    struct sc_result result = app->worker ? sc_worker_take(app->worker) : (struct sc_result){0};
    char text[1024];
    if (result.kind == SC_RESULT_PLAN && result.revision == app->wanted) {
        app->solving = result.more;
        tui_set_plan(app, result.plan);
        if (!result.more) {
            say_plan(app, result.plan);
            app->followed = 0;
        }
        result.plan = NULL;
    } else if (result.kind != SC_RESULT_PLAN && result.kind != SC_RESULT_ERROR) {
        take_answer(app, &result);
    } else if (result.kind == SC_RESULT_ERROR && result.revision == app->wanted) {
        bool question = app->asked != TUI_ASK_NOTHING;
        take_answer(app, &result);
        app->solving = false;
        sc_error_format(&result.error, text, sizeof text);
        if (!question || result.error.status != SC_CANCELLED)
            tui_say(app, app->cancelled ? TUI_WARN : TUI_BAD, "%s", text);
    }
    sc_result_free(&result);
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
            if (again && tui_focused(app)->enter)
                tui_focused(app)->enter(app);
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
        else if (key == 'n') {
            tui_autosave_drop(app);
            app->quit = true;
        } else
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
    const struct tui_command *command = tui_command_of_key(tui_view(app)->name, previous, key, &wait);
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
    app->candidate_op = app->kept_op = -1;
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
    sc_plan_free(app->before);
    sc_plan_free(app->plan);
    sc_graph_free(app->graph);
    sc_cluster_free(app->cluster);
    sc_session_free(app->session);
    sc_planner_free(app->planner);
    sc_map_free(&app->open);
    sc_map_free(&app->unrolled);
    tui_gutter_free(&app->gutter);
    sc_free(app->rows.at);
    drop_answers(app);
    tui_picker_free(app->picker);
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
        if (tui_view(app)->update)
            tui_view(app)->update(app);
        if (!app->worker || sc_worker_idle(app->worker))
            return;
        struct timespec pause = {0, 1000 * 1000};
        nanosleep(&pause, NULL);
    }
}
