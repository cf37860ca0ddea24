# Owns the arithmetic: from samples (subject, contestant, value) and rows (name, unit, subject) to the table's fields, with
# tabs in between: name, unit, C, ours, ratio, direct, floor, percent of it, dblink, fdw, memory of C, memory of ours.
# `only` restricts it to the row of that name.

function median(values, n,    i, j, swap) { # sorts values[1..n]
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && values[j - 1] > values[j]; j--) {
            swap = values[j]; values[j] = values[j - 1]; values[j - 1] = swap
        }
    return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
}
function of(subject, contestant,    i, n, values) {
    n = count[subject, contestant]
    for (i = 1; i <= n; i++) values[i] = sample[subject, contestant, i]
    return n ? median(values, n) : 0
}
function ratio(name, unit,    i, n, values) {
    n = count[name, "ours"]
    for (i = 1; i <= n; i++) {
        values[i] = sample[name, "ours", i] / sample[name, "C", i]
        if (unit == "ms") values[i] = 1 / values[i]
    }
    return sprintf("**%.2f** (%.2f–%.2f)", median(values, n), values[1], values[n])
}
function shown(value) {
    return !value ? "–" : value >= 100 ? sprintf("%.0f", value) : sprintf("%.1f", value)
}
function memory(name, library,    value) {
    value = sample[name, "memory of " library, 1]
    return value + 0 ? sprintf("%.1f", value) : value
}

BEGIN { OFS = "\t" }
FILENAME ~ /samples$/ {
    sample[$1, $2, ++count[$1, $2]] = $3
    next
}
!only || $1 == only {
    ours = of($1, "ours")
    direct = of($3, "direct")
    empty = of($3, "empty")
    floor = direct && empty ? 1 / (1 / direct + 1 / empty) : 0
    print $1, $2, shown(of($1, "C")), shown(ours), ratio($1, $2), shown(direct), shown(floor), \
        floor ? sprintf("%.0f %%", 100 * ours / floor) : "–", shown(of($3, "dblink")), shown(of($3, "fdw")), \
        memory($1, "C"), memory($1, "ours")
}
