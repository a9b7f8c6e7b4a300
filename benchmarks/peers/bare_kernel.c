// The least that the reference strategy costs with backtrader's numbers: its average and its fills in
// one loop, and nothing written down. A window's sum is kept in 64 bits of fraction, in which those
// of prices are exact, so that it rounds as math.fsum does.

#include <stddef.h>
#include <stdint.h>

static double final_value(const double *opened, const double *close, ptrdiff_t bars,
                          ptrdiff_t period, double cash, double commission) {
    int64_t held = 0, waiting = 0;
    double entry = 0.0, made_at = 0.0;
    long double sum = 0.0L;
    for (ptrdiff_t bar = 0; bar < period - 1 && bar < bars; bar++) sum += close[bar];
    for (ptrdiff_t bar = period - 1; bar < bars; bar++) {
        double price = close[bar];
        sum += price;
        double average = (double)sum / (double)period;
        if (waiting > 0) {
            double shares = (double)waiting;
            double pays = cash - shares * made_at - shares * commission * made_at;
            if (pays >= 0.0) {
                double rest = cash - shares * opened[bar] - shares * commission * opened[bar];
                if (rest >= 0.0) {
                    cash = rest;
                    held = waiting;
                    entry = opened[bar];
                }
            }
            waiting = 0;
        } else if (waiting < 0) {
            double shares = (double)held;
            cash += shares * entry + shares * (opened[bar] - entry);
            cash -= shares * commission * opened[bar];
            held = waiting = 0;
        }
        if (held == 0) {
            if (price > average) waiting = (int64_t)(cash / price);
        } else if (price < average) {
            waiting = -held;
        }
        made_at = price;
        sum -= close[bar - period + 1];
    }
    return cash + (double)held * close[bars - 1];
}

void sweep(const double *opened, const double *close, ptrdiff_t symbols, ptrdiff_t bars,
           const ptrdiff_t *periods, ptrdiff_t points, double cash, double commission,
           double *values) {
    for (ptrdiff_t symbol = 0; symbol < symbols; symbol++) {
        const double *o = opened + symbol * bars, *c = close + symbol * bars;
        for (ptrdiff_t point = 0; point < points; point++) {
            values[symbol * points + point] =
                final_value(o, c, bars, periods[point], cash, commission);
        }
    }
}
