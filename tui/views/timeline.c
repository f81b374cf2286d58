/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The timeline: what each stage does when, as a Gantt chart with a cursor in time; the memory of the stage under the
 * other cursor; and how the schedule compares with its formula, in words. The worker simulates.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/app.h"

struct tui_time {
    const struct sc_plan *plan; /* borrowed, compared only */
    enum sc_schedule schedule;
    int chunks;
    struct sc_timeline *timeline; /* NULL: not there yet, or not possible */
    char *sentences, *words;      /* what the worker explains; all that there is to say */
    char failed[256];             /* why it is not possible */
    double now, begin, span;      /* cursor; window */
    bool placed;                  /* the window has been chosen */
};

/* ---- what is known ---- */

void tui_timeline_drop(struct tui_app *app)
{
    struct tui_time *it = app->time;
    if (!it)
        return;
    sc_timeline_free(it->timeline);
    sc_free(it->sentences);
    sc_free(it->words);
    sc_free(it);
    app->time = NULL;
    if (app->asked == TUI_ASK_TIMELINE)
        app->asked = TUI_ASK_NOTHING;
}

static struct tui_time *begin(struct tui_app *app, const struct sc_plan *plan, enum sc_schedule schedule, int chunks)
{
    tui_timeline_drop(app);
    app->time = sc_alloc(sizeof *app->time);
    if (app->time) {
        app->time->plan = plan;
        app->time->schedule = schedule;
        app->time->chunks = chunks;
    }
    return app->time;
}

/* ---- words ---- */

static void put_fit(const struct tui_time *it, struct sc_str *out)
{
    const struct sc_timeline *t = it->timeline;
    int worst = 0;
    char bytes[32], limit[32];
    for (int i = 0; i < t->input.stage_count; i++) {
        double over = t->stages[i].peak_bytes - it->plan->stages[i].plan->costs->memory_bytes;
        if (over > t->stages[worst].peak_bytes - it->plan->stages[worst].plan->costs->memory_bytes)
            worst = i;
    }
    double most = it->plan->stages[worst].plan->costs->memory_bytes;
    sc_format_bytes(t->stages[worst].peak_bytes, bytes, sizeof bytes);
    sc_format_bytes(most, limit, sizeof limit);
    sc_str_addf(out, "Stage %d holds most: %.4g microbatch%s in flight, %s of %s%s.\n", worst,
                t->stages[worst].peak_in_flight, t->stages[worst].peak_in_flight == 1 ? "" : "es", bytes, limit,
                t->stages[worst].peak_bytes > most * (1 + 1e-9) ? ": it does not fit" : "");
}

/* A plan has its own schedule; another one is only tried on it. */
static void put_other(const struct tui_time *it, struct sc_str *out)
{
    double delta = it->timeline->iteration_s - it->plan->iteration_s;
    char seconds[32], percent[32];
    if (it->schedule == it->plan->settings.schedule || it->plan->settings.mode != SC_TRAIN)
        return;
    tui_format_delta(delta, true, "", seconds, sizeof seconds);
    tui_format_percent(delta / it->plan->iteration_s, percent, sizeof percent);
    sc_str_addf(out, "The plan was made for %s; under %s its iteration changes by %s (%s).\n",
                sc_schedule_name(it->plan->settings.schedule), sc_schedule_name(it->schedule), seconds, percent);
}

static void put_words(const struct tui_time *it, struct sc_str *out)
{
    const struct sc_timeline *t = it->timeline;
    char idle[32], formula[32];
    double busy = 0;
    for (int i = 0; i < t->input.stage_count; i++)
        busy += t->stages[i].busy_s;
    sc_format_seconds(t->iteration_s - busy / t->input.stage_count, idle, sizeof idle);
    sc_format_seconds(t->formula_s, formula, sizeof formula);
    put_other(it, out);
    sc_str_addf(out, "Bubble: a stage is idle for %s of the iteration on average, %.2g %%.\n", idle, 100 * t->bubble);
    put_fit(it, out);
    if (it->sentences && *it->sentences)
        sc_str_add(out, it->sentences);
    else
        sc_str_addf(out, "The schedule takes what the formula says: %s.\n", formula);
}

static void update(struct tui_app *app)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    struct tui_time *it = app->time;
    if (!plan)
        tui_timeline_drop(app);
    else if (!it || it->plan != plan)
        it = begin(app, plan, plan->settings.schedule, plan->chunks);
    if (!plan || !it || it->timeline || it->failed[0] || !app->worker || app->solving || app->asked == TUI_ASK_TIMELINE)
        return;
    if (sc_worker_submit_timeline(app->worker, plan, it->schedule, it->chunks, NULL) == SC_OK)
        app->asked = TUI_ASK_TIMELINE;
}

void tui_timeline_answer(struct tui_app *app, struct sc_result *result)
{
    struct tui_time *it = app->time;
    struct sc_str words = {0};
    if (it && result->kind == SC_RESULT_ERROR) {
        snprintf(it->failed, sizeof it->failed, "%.255s", result->error.message);
    } else if (it && result->kind == SC_RESULT_TIMELINE && result->plan == it->plan &&
               result->node == (int)it->schedule && result->choice == it->chunks) {
        it->timeline = result->timeline;
        it->sentences = result->why;
        result->timeline = NULL;
        result->why = NULL;
        put_words(it, &words);
        it->words = words.data;
    } else if (it && result->kind == SC_RESULT_TIMELINE) {
        return; /* of a schedule that was left */
    }
    app->asked = TUI_ASK_NOTHING;
}

/* Left of the chart the stage, right of it what it does at the cursor. */
struct columns {
    int stage, chart, state, memory, flight;
};

static struct columns measure(int width)
{
    struct columns c = {.stage = 4, .state = width >= 100 ? 24 : width >= 72 ? 18 : width >= 56 ? 13 : 5};
    c.memory = width >= 60 ? 10 : 0;
    c.flight = width >= 90 ? 10 : 0;
    c.chart = width - c.stage - c.state - c.memory - c.flight - 1;
    return c;
}

/* ---- moving ---- */

static struct tui_time *shown(const struct tui_app *app)
{
    return app->time && app->time->timeline && app->time->plan == app->plan ? app->time : NULL;
}

/* The window stays within the iteration and has the cursor in it. */
static void keep_inside(struct tui_time *it)
{
    double whole = it->timeline->iteration_s;
    it->now = fmin(fmax(it->now, 0), whole);
    it->span = fmin(it->span, whole);
    if (it->now < it->begin)
        it->begin = it->now;
    if (it->now > it->begin + it->span)
        it->begin = it->now - it->span;
    it->begin = fmax(0, fmin(it->begin, whole - it->span));
}

/* At first, as much time as shows what happens: forwards a few columns wide. */
static void place_window(struct tui_time *it, int chart)
{
    const struct sc_schedule_input *in = &it->timeline->input;
    double least = INFINITY;
    for (int i = 0; i < in->stage_count; i++)
        least = fmin(least, in->stages[i].forward_s / in->chunks);
    it->span = it->timeline->iteration_s;
    if (least > 0 && chart > 0)
        it->span = fmin(it->span, least * chart / 3);
    it->placed = true;
    keep_inside(it);
}

/* The same, with a window, for keys that come before the first paint. */
static struct tui_time *moved(struct tui_app *app)
{
    struct tui_time *it = shown(app);
    int width = 80, height;
    if (app->term)
        tui_term_size(app->term, &width, &height);
    if (it && !it->placed)
        place_window(it, measure(width).chart);
    return it;
}

void tui_timeline_step(struct tui_app *app, int by)
{
    struct tui_time *it = moved(app);
    if (!it)
        return;
    double to = by > 0 ? sc_timeline_next(it->timeline, it->now) : sc_timeline_previous(it->timeline, it->now);
    if (!isfinite(to)) {
        tui_say(app, TUI_DIM, by > 0 ? "this is the end of the iteration" : "this is its beginning");
        return;
    }
    it->now = to;
    if (it->now > it->begin + it->span * 0.95) /* goes on before the edge is reached */
        it->begin = it->now - it->span * 0.5;
    else if (it->now < it->begin)
        it->begin = it->now - it->span * 0.5;
    keep_inside(it);
}

void tui_timeline_page(struct tui_app *app, int by)
{
    struct tui_time *it = moved(app);
    if (!it)
        return;
    it->now += by * it->span;
    it->begin += by * it->span;
    keep_inside(it);
}

void tui_timeline_end(struct tui_app *app, bool last)
{
    struct tui_time *it = moved(app);
    if (!it)
        return;
    it->now = last ? it->timeline->iteration_s : 0;
    keep_inside(it);
}

void tui_timeline_zoom(struct tui_app *app, double factor)
{
    struct tui_time *it = moved(app);
    if (!it)
        return;
    double whole = it->timeline->iteration_s, least = whole * 1e-7;
    double place = it->span > 0 ? (it->now - it->begin) / it->span : 0;
    it->span = factor > 0 ? fmax(it->span / factor, least) : whole;
    it->begin = it->now - place * it->span;
    keep_inside(it);
}

/* "gpipe", "interleaved 4"; nothing: the next one. */
void tui_timeline_schedule(struct tui_app *app, const char *arguments)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    char name[24];
    int64_t chunks = plan && plan->chunks > 1 ? plan->chunks : 2;
    enum sc_schedule schedule;
    size_t length = strcspn(arguments, " ");
    const char *rest = arguments + length + strspn(arguments + length, " ");
    if (!plan || !app->time) {
        tui_say(app, TUI_WARN, "there is no timeline yet");
        return;
    }
    if (plan->settings.mode != SC_TRAIN) {
        tui_say(app, TUI_WARN, "without backward passes all schedules are the same");
        return;
    }
    snprintf(name, sizeof name, "%.*s", (int)length, arguments);
    if (!*name) {
        schedule = (enum sc_schedule)((app->time->schedule + 1) % SC_SCHEDULE_COUNT);
    } else if (!sc_schedule_find(name, &schedule) ||
               (*rest && (!sc_parse_int(rest, &chunks) || chunks < 1 || chunks > plan->graph->layer_count))) {
        tui_say(app, TUI_WARN, "expected 1f1b, gpipe or interleaved, with a number of chunks behind it");
        return;
    }
    begin(app, plan, schedule, schedule == SC_SCHEDULE_INTERLEAVED ? (int)chunks : 1);
    if (schedule != plan->settings.schedule)
        tui_say(app, TUI_PLAIN, "this plan under %s; :set schedule %s makes a plan for it", sc_schedule_name(schedule),
                sc_schedule_name(schedule));
}

/* ---- the chart ---- */

enum { MOST_EVENTS = 512 }; /* of a column that are looked at; of more, every so many */

/* The first event that ends after `time`. */
static int event_after(const struct sc_timeline_stage *s, double time)
{
    int low = 0, high = s->event_count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (s->events[middle].end > time)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static const struct look {
    char letter;
    uint32_t fill;
    enum tui_role role;
} looks[SC_STEP_COUNT] = {
    [SC_STEP_FORWARD] = {'F', 0x2500, TUI_FORWARD}, [SC_STEP_BACKWARD] = {'B', 0x2550, TUI_BACKWARD},
    [SC_STEP_SEND_FORWARD] = {'>', '>', TUI_COMM},  [SC_STEP_SEND_BACKWARD] = {'<', '<', TUI_COMM},
    [SC_STEP_ONCE] = {'o', 'o', TUI_PINNED},
};

/* Is a forward wide enough to be shown as such? */
static bool shows_blocks(const struct tui_time *it, int chart)
{
    const struct sc_schedule_input *in = &it->timeline->input;
    double least = INFINITY;
    for (int i = 0; i < in->stage_count; i++)
        least = fmin(least, in->stages[i].forward_s / in->chunks);
    return least > 0 && it->span / chart <= least * 1.01;
}

/* In chunks, every other one has small letters. */
static char letter_of(struct sc_instruction what)
{
    char letter = looks[what.kind].letter;
    return what.chunk % 2 && letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

static int column_of(const struct tui_time *it, int chart, double time)
{
    double at = (time - it->begin) / it->span * chart;
    return at <= 0 ? 0 : at >= chart ? chart : (int)lround(at);
}

/* Each event over its columns: its letter, its microbatch if there is room, and a line. */
static void draw_blocks(const struct tui_time *it, struct tui_grid *grid, struct tui_rect rect, int stage)
{
    const struct sc_timeline_stage *s = &it->timeline->stages[stage];
    for (int x = 0; x < rect.width; x++)
        tui_put(grid, rect, x, 0, 0x00b7, TUI_DIM);
    for (int k = event_after(s, it->begin); k < s->event_count && s->events[k].begin < it->begin + it->span; k++) {
        const struct sc_timeline_event *e = &s->events[k];
        const struct look *look = &looks[e->what.kind];
        int from = column_of(it, rect.width, e->begin), to = column_of(it, rect.width, e->end);
        char label[16];
        snprintf(label, sizeof label, "%c%d", letter_of(e->what), e->what.microbatch);
        bool numbered =
            (e->what.kind == SC_STEP_FORWARD || e->what.kind == SC_STEP_BACKWARD) && (int)strlen(label) <= to - from;
        for (int x = from; x < to; x++)
            tui_put(grid, rect, x, 0, x == from ? (uint32_t)label[0] : look->fill, look->role);
        struct tui_rect part = {rect.x, rect.y, to, 1};
        if (numbered)
            tui_text(grid, part, from, 0, look->role, label);
    }
}

/* Where many events share a column: how much of it the stage is busy. */
static void draw_density(const struct tui_time *it, struct tui_grid *grid, struct tui_rect rect, int stage)
{
    static const uint32_t shades[] = {0x00b7, 0x2591, 0x2592, 0x2593, 0x2588};
    const struct sc_timeline_stage *s = &it->timeline->stages[stage];
    for (int x = 0; x < rect.width; x++) {
        double from = it->begin + it->span * x / rect.width, to = it->begin + it->span * (x + 1) / rect.width;
        double busy = 0;
        int first = event_after(s, from), last = event_after(s, to), seen = 0;
        int step = 1 + (last - first) / MOST_EVENTS;
        for (int k = first; k <= last && k < s->event_count; k += step, seen++) {
            const struct sc_timeline_event *e = &s->events[k];
            double part = fmin(e->end, to) - fmax(e->begin, from);
            /* of a sample, the event and the wait before the next one */
            if (step > 1)
                part = k + 1 < s->event_count && s->events[k + 1].begin > e->begin
                           ? (e->end - e->begin) / (s->events[k + 1].begin - e->begin)
                           : 1;
            busy += part > 0 ? part : 0;
        }
        double fraction = step > 1 ? busy / seen : busy / (to - from);
        int shade = (int)lround(4 * fmin(1, fraction));
        if (!shade && fraction > 0)
            shade = 1;
        tui_put(grid, rect, x, 0, shades[shade], shade ? TUI_COMPUTE : TUI_DIM);
    }
}

/* "forward 3", "idle, waits for 1"; short: "F3". */
static void describe_state(const struct sc_timeline *timeline, const struct sc_timeline_state *state, int room,
                           char *out, size_t size)
{
    if (state->now && room < 12)
        snprintf(out, size, "%c%d", letter_of(state->now->what), state->now->what.microbatch);
    else if (state->now)
        sc_instruction_text(state->now->what, timeline->input.chunks, out, size);
    else if (!state->next)
        snprintf(out, size, room < 12 ? "end" : "has ended");
    else if (state->waits_for >= 0 && room >= 18)
        snprintf(out, size, "waits for stage %d", state->waits_for);
    else if (state->waits_for >= 0 && room >= 12)
        snprintf(out, size, "waits for %d", state->waits_for);
    else
        snprintf(out, size, "idle");
    for (char *c = out; *c; c++)
        if (*c == '_')
            *c = ' ';
}

static void draw_row(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, int index)
{
    struct tui_time *it = shown(app);
    const struct columns c = measure(rect.width);
    char text[64];
    if (!it || c.chart < 1)
        return;
    struct sc_timeline_state state = sc_timeline_state(it->timeline, it->now, index);
    struct tui_rect chart = {rect.x + c.stage, rect.y, c.chart, 1};
    bool selected = index == app->stage_list.cursor;
    double limit = it->plan->stages[index].plan->costs->memory_bytes;
    tui_textf(grid, rect, 0, 0, selected ? TUI_KEY : TUI_HEADER, "%s%d", selected ? "\xe2\x96\xb8" : " ", index);
    if (shows_blocks(it, c.chart))
        draw_blocks(it, grid, chart, index);
    else
        draw_density(it, grid, chart, index);
    int x = column_of(it, c.chart, it->now);
    chart.x += x < c.chart ? x : c.chart - 1;
    chart.width = 1;
    tui_tint(grid, chart, 0, TUI_CURSOR);
    x = c.stage + c.chart + 1;
    describe_state(it->timeline, &state, c.state, text, sizeof text);
    struct tui_rect part = rect;
    part.width = x + c.state < rect.width ? x + c.state : rect.width;
    tui_text(grid, part, x, 0, state.now ? TUI_PLAIN : TUI_DIM, text);
    x += c.state;
    sc_format_bytes(state.bytes, text, sizeof text);
    if (c.memory)
        tui_right(grid, rect, x, 0, c.memory, state.bytes > limit ? TUI_BAD : TUI_MEMORY, text);
    x += c.memory;
    snprintf(text, sizeof text, "%.4g", state.in_flight);
    if (c.flight)
        tui_right(grid, rect, x, 0, c.flight, TUI_PLAIN, text);
}

/* ---- the head ---- */

/* A time with as many digits as a column of the chart can tell apart. */
static void format_time(const struct tui_time *it, double seconds, char *out, size_t size)
{
    double whole = it->timeline->iteration_s, unit = whole >= 1 ? 1 : whole >= 1e-3 ? 1e-3 : 1e-6;
    double digits = ceil(-log10(it->span / unit / 1000));
    snprintf(out, size, "%.*f %s",
             digits < 0   ? 0
             : digits > 9 ? 9
                          : (int)digits,
             seconds / unit,
             unit == 1     ? "s"
             : unit > 1e-4 ? "ms"
                           : "us");
}

static void put_title(const struct tui_time *it, bool brief, struct sc_str *out)
{
    const struct sc_timeline *t = it->timeline;
    char iteration[32];
    sc_format_seconds(t->iteration_s, iteration, sizeof iteration);
    sc_str_addf(out, "%s", it->plan->settings.mode == SC_TRAIN ? sc_schedule_name(it->schedule) : "forward only");
    if (t->input.chunks > 1)
        sc_str_addf(out, " in %d chunks", t->input.chunks);
    if (!brief)
        sc_str_addf(out, ", %d microbatch%s", t->input.microbatches, t->input.microbatches == 1 ? "" : "es");
    sc_str_addf(out, "  %s%s  bubble %.2g %%", brief ? "" : "iteration ", iteration, 100 * t->bubble);
}

static void draw_axis(const struct tui_time *it, struct tui_grid *grid, struct tui_rect rect, const struct columns *c)
{
    char from[32], to[32], now[32];
    struct tui_rect chart = {rect.x + c->stage, rect.y, c->chart, 2};
    format_time(it, it->begin, from, sizeof from);
    format_time(it, it->begin + it->span, to, sizeof to);
    format_time(it, it->now, now, sizeof now);
    int x = column_of(it, c->chart, it->now), left = tui_text_width(from), right = tui_text_width(to);
    x = x < c->chart ? x : c->chart - 1;
    if (!x || x > left) /* beside the arrow, not below it */
        tui_text(grid, chart, x ? 0 : 1, 1, TUI_DIM, from);
    if (c->chart > left + right + 4)
        tui_right(grid, chart, 0, 1, x >= c->chart - right - 1 ? x : c->chart, TUI_DIM, to);
    tui_put(grid, chart, x, 1, 0x25bc, TUI_KEY);
    struct tui_rect part = rect;
    if (c->state >= 12) {
        part.width = c->stage + c->chart + 1 + c->state < rect.width ? c->stage + c->chart + 1 + c->state : rect.width;
        tui_textf(grid, part, c->stage + c->chart + 1, 1, TUI_DIM, "at %s", now);
    }
    if (c->memory)
        tui_right(grid, rect, c->stage + c->chart + 1 + c->state, 1, c->memory, TUI_DIM, "memory");
    if (c->flight)
        tui_right(grid, rect, c->stage + c->chart + 1 + c->state + c->memory, 1, c->flight, TUI_DIM, "in flight");
}

static void draw_head(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    struct tui_time *it = shown(app);
    const struct columns c = measure(rect.width);
    struct sc_str title = {0};
    int x = tui_text(grid, rect, 1, 0, TUI_TITLE, "timeline");
    if (!it)
        return;
    if (!it->placed)
        place_window(it, c.chart);
    bool other = it->schedule != it->plan->settings.schedule && it->plan->settings.mode == SC_TRAIN;
    put_title(it, rect.width < (other ? 112 : 72), &title);
    x = tui_text(grid, rect, x + 2, 0, TUI_PLAIN, sc_str_text(&title));
    if (other)
        tui_textf(grid, rect, x + 2, 0, TUI_WARN, "planned for %s", sc_schedule_name(it->plan->settings.schedule));
    else if (tui_plan_is_old(app))
        tui_text(grid, rect, x + 2, 0, TUI_WARN, "before the change");
    sc_str_free(&title);
    if (c.chart > 0)
        draw_axis(it, grid, rect, &c);
}

/* ---- memory over time ---- */

/* The most that is held in a column's time. */
static double most_held(const struct tui_time *it, int stage, double from, double to)
{
    const struct sc_timeline_stage *s = &it->timeline->stages[stage];
    int low = 0, high = s->step_count;
    while (low < high) { /* the first step after `from` */
        int middle = low + (high - low) / 2;
        if (s->steps[middle].time > from)
            high = middle;
        else
            low = middle + 1;
    }
    double most = low ? s->steps[low - 1].bytes : 0;
    int begin = low, end = s->step_count;
    while (low < end) {
        int middle = low + (end - low) / 2;
        if (s->steps[middle].time >= to)
            end = middle;
        else
            low = middle + 1;
    }
    int step = 1 + (end - begin) / MOST_EVENTS;
    for (int k = begin; k < end; k += step)
        most = fmax(most, s->steps[k].bytes);
    return most;
}

static void draw_memory(struct tui_app *app, struct tui_time *it, struct tui_grid *grid, struct tui_rect rect)
{
    const struct columns c = measure(rect.width);
    int stage = app->stage_list.cursor;
    double limit = it->plan->stages[stage].plan->costs->memory_bytes, peak = it->timeline->stages[stage].peak_bytes;
    double held = it->timeline->input.stages[stage].static_bytes, top = fmax(limit, peak);
    struct tui_rect chart = {rect.x + c.stage, rect.y + 1, c.chart, rect.height - 1};
    char most[32], all[32], base[32];
    sc_format_bytes(peak, most, sizeof most);
    sc_format_bytes(limit, all, sizeof all);
    sc_format_bytes(held, base, sizeof base);
    tui_textf(grid, rect, 1, 0, TUI_TITLE, "memory of stage %d", stage);
    tui_textf(grid, rect, 21 + (stage > 9), 0, peak > limit ? TUI_BAD : TUI_PLAIN,
              "%s at most of %s, %s of it all the time", most, all, base);
    for (int x = 0; x < c.chart; x++) {
        double bytes =
            most_held(it, stage, it->begin + it->span * x / c.chart, it->begin + it->span * (x + 1) / c.chart);
        int eighths = (int)lround(bytes / top * chart.height * 8);
        for (int y = chart.height - 1; y >= 0 && eighths > 0; y--, eighths -= 8) {
            double level = top * (chart.height - 1 - y) / chart.height;
            enum tui_role role = level >= limit ? TUI_BAD : level >= held ? TUI_MEMORY : TUI_DIM;
            uint32_t full = role == TUI_DIM ? 0x2591 : 0x2588; /* what is held all the time is lighter */
            tui_put(grid, chart, x, y, eighths >= 8 ? full : 0x2580u + (uint32_t)eighths, role);
        }
    }
    int line = chart.height - (int)lround(limit / top * chart.height);
    if (c.state >= 12) {
        struct tui_rect right = {rect.x + c.stage + c.chart + 1, chart.y, rect.width - c.stage - c.chart - 1,
                                 chart.height};
        tui_textf(grid, right, 0, line, TUI_DIM, "\xe2\x97\x82 limit %s", all);
        if (chart.height > 2)
            tui_text(grid, right, 0, chart.height - 1, TUI_DIM, "\xe2\x97\x82 0 B");
    }
}

/* ---- the view ---- */

/* From the top; what does not fit is in `why`. */
static void draw_words(const struct tui_time *it, bool blocks, struct tui_grid *grid, struct tui_rect rect)
{
    const char *hint =
        blocks && it->chunks > 1 ? "F forward, B backward, of every other chunk f and b, o once an iteration, "
                                   "\xc2\xb7 idle. Left and right step, + - 0 zoom."
        : blocks ? "F forward, B backward, > < sends, o once an iteration, \xc2\xb7 idle. Left and right "
                   "step, + - 0 zoom, s tries another schedule."
                 : "\xe2\x96\x88 busy, \xe2\x96\x91 mostly idle, \xc2\xb7 idle: + shows single "
                   "microbatches. Left and right step, s tries another schedule.";
    int y = tui_paragraph(grid, rect, 0, TUI_DIM, hint, strlen(hint)), rows = y;
    for (const char *line = it->words ? it->words : ""; *line;) {
        struct tui_rect part = {rect.x, rect.y + rows, rect.width, rect.height - rows};
        size_t length = strcspn(line, "\n");
        rows += tui_paragraph(grid, part, 0, TUI_PLAIN, line, length);
        line += length + (line[length] == '\n');
    }
    if (rows > rect.height) {
        struct tui_rect last = {rect.x, rect.y + rect.height - 1, rect.width, 1};
        tui_fill(grid, last, 0, ' ', TUI_PLAIN);
        tui_text(grid, last, 0, 0, TUI_DIM, "\xe2\x80\xa6 w shows all");
    }
}

const char *tui_timeline_words(const struct tui_app *app)
{
    return app->time && app->time->plan == app->plan ? app->time->words : NULL;
}

static struct tui_list *list(struct tui_app *app)
{
    return &app->stage_list;
}

static int count(struct tui_app *app, int width)
{
    (void)width;
    return shown(app) ? app->time->timeline->input.stage_count : 0;
}

static void render(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    struct tui_time *it = shown(app);
    struct tui_rect part = {rect.x + 2, rect.y + 2, rect.width - 4, rect.height - 2};
    if (!it) {
        const char *why = app->time && app->time->failed[0] ? app->time->failed : NULL;
        draw_head(app, grid, rect);
        if (!tui_staged_plan(app) && tui_render_conflict(app, grid, part))
            return;
        if (why)
            tui_paragraph(grid, part, 0, TUI_WARN, why, strlen(why));
        else
            tui_text(grid, part, 0, 0, TUI_DIM, app->solving ? "solving\xe2\x80\xa6" : "simulating\xe2\x80\xa6");
        if (why)
            tui_text(grid, part, 0, 3, TUI_DIM, "s tries the next schedule");
        return;
    }
    int stages = it->timeline->input.stage_count, height = rect.height;
    int memory = height >= 32 ? 9 : height >= 18 ? 6 : 0, words = height >= 12 ? (height - memory) / 3 : 0;
    int rows = stages + 2 < height - memory - words ? stages + 2 : height - memory - words;
    part = (struct tui_rect){rect.x, rect.y, rect.width, rows};
    tui_list_render(app, &tui_timeline_view, grid, part, TUI_PANE_MAIN);
    part.y += rows + (memory > 0);
    part.height = memory - 1;
    if (memory)
        draw_memory(app, it, grid, part);
    part.y += memory > 0 ? memory - 1 : 0;
    part.y += words > 0 && rect.y + height - part.y > 6;
    part = (struct tui_rect){rect.x + 1, part.y, rect.width - 2, rect.y + height - part.y};
    if (words)
        draw_words(it, shows_blocks(it, measure(rect.width).chart), grid, part);
}

static bool text(struct tui_app *app, int index, struct sc_str *out)
{
    struct tui_time *it = shown(app);
    char now[64], when[32];
    if (!it || index < 0 || index >= it->timeline->input.stage_count)
        return false;
    struct sc_timeline_state state = sc_timeline_state(it->timeline, it->now, index);
    describe_state(it->timeline, &state, 24, now, sizeof now);
    format_time(it, it->now, when, sizeof when);
    sc_str_addf(out, "stage %d at %s: %s", index, when, now);
    return true;
}

static int cursor(struct tui_app *app, int width)
{
    (void)app;
    (void)width;
    return 0; /* a mark shows it: colours mean something here */
}

static void write(struct tui_app *app, struct sc_str *out)
{
    const struct tui_time *it = shown(app);
    if (it && it->words)
        sc_str_addf(out, "\n%s", it->words);
}

/* To the stage in the stages view. */
static void enter(struct tui_app *app)
{
    app->view = TUI_VIEW_STAGES;
    app->pane = TUI_PANE_MAIN;
}

const struct tui_view_ops tui_timeline_view = {
    .name = "timeline",
    .head = 2,
    .list = list,
    .count = count,
    .update = update,
    .draw_head = draw_head,
    .draw_row = draw_row,
    .text = text,
    .enter = enter,
    .render = render,
    .cursor = cursor,
    .write = write,
};
