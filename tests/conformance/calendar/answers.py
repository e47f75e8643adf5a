"""Makes the answers of the calendar suite: years, quarters and months of 1990 to 2060 by the standard library and pandas.

Out: answers/*.csv beside this file; README.md says what is in each.
Week-years are those of date.isocalendar, fiscal quarters those of pandas' quarterly periods, retail years and quarters those of pandas' FY5253
offsets. Retail months are retail quarters cut by the pattern, the only arithmetic of this file; the quarters are checked against it.
"""

import collections
import datetime
import itertools
import pathlib

import pandas
from pandas.tseries.offsets import FY5253, FY5253Quarter

ANSWERS = pathlib.Path(__file__).parent / "answers"
FIRST, LAST = 1990, 2060
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
PATTERNS = ["4-4-5", "4-5-4", "5-4-4"]
DAY = datetime.timedelta(days=1)


def iso_years():
    """Year, first day and number of weeks of every ISO 8601 week-year that touches the range."""
    for year in range(FIRST - 1, LAST + 2):
        first = datetime.date.fromisocalendar(year, 1, 1)
        weeks = datetime.date(year, 12, 28).isocalendar().week
        yield year, first, weeks


def fiscal_quarters():
    """Start month, fiscal year and the first days of its quarters."""
    for start in range(1, 13):
        ends_in = MONTHS[(start + 10) % 12]
        for year in range(FIRST, LAST + 2):
            quarters = [pandas.Period(f"{year}Q{number}", freq=f"Q-{ends_in}") for number in range(1, 5)]
            yield start, year, *(quarter.start_time.date() for quarter in quarters)


def retail_starts(rule, end_month, week_start):
    """The first days of the retail years that touch the range, and of the one after."""
    end_of_year = FY5253(startingMonth=end_month, weekday=(week_start + 6) % 7, variation=rule)
    end = end_of_year.rollback(pandas.Timestamp(FIRST, 1, 1) - pandas.Timedelta(days=1))
    starts = [end.date() + DAY]
    while starts[-1] <= datetime.date(LAST, 12, 31):
        end = end + end_of_year
        starts.append(end.date() + DAY)
    return starts


def name_of(first, after, end_month):
    """The calendar year in which most days lie; where the year ends about the end of June, half and half, that of its end."""
    if end_month == 6:
        return (after - DAY).year
    days = collections.Counter((first + number * DAY).year for number in range((after - first).days))
    return days.most_common(1)[0][0]


def retail_years():
    """Rule, end month, week start, first day and name of the first year, and the first days of the years of 53 weeks."""
    for rule, end_month, week_start in itertools.product(["nearest", "last"], range(1, 13), range(7)):
        starts = retail_starts(rule, end_month, week_start)
        lengths = {(after - first).days for first, after in itertools.pairwise(starts)}
        assert lengths <= {364, 371}, (rule, end_month, week_start, lengths)
        names = [name_of(first, after, end_month) for first, after in itertools.pairwise(starts)]
        assert names == list(range(names[0], names[0] + len(names))), (rule, end_month, week_start)
        long = [str(first) for first, after in itertools.pairwise(starts) if (after - first).days == 371]
        yield rule, end_month, WEEKDAYS[week_start], names[0], starts[0], len(names), " ".join(long)


def retail_months():
    """Pattern, year and the first days of its twelve months, for years that end on the Saturday nearest to 31 January."""
    offset = FY5253Quarter(startingMonth=1, weekday=5, variation="nearest", qtr_with_extra_week=4)
    starts = retail_starts("nearest", 1, 6)
    for pattern, (first, after) in itertools.product(PATTERNS, itertools.pairwise(starts)):
        weeks = [int(count) for count in pattern.split("-")] * 4
        months = [first + datetime.timedelta(weeks=sum(weeks[:number])) for number in range(12)]
        quarter = pandas.Timestamp(first - DAY)
        for number in range(1, 5):
            quarter = quarter + offset
            ends = months[3 * number] if number < 4 else after
            assert quarter.date() + DAY == ends, (first, number)
        yield pattern, name_of(first, after, 1), *months


def write(name, header, rows):
    lines = [header] + [",".join(str(cell) for cell in row) for row in rows]
    (ANSWERS / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def main():
    ANSWERS.mkdir(exist_ok=True)
    write("iso_years", "year,first_day,weeks", iso_years())
    write("fiscal_quarters", "start_month,fiscal_year,q1,q2,q3,q4", fiscal_quarters())
    write("retail_years", "rule,end_month,week_start,first_name,first_day,years,years_of_53_weeks", retail_years())
    write("retail_months", "pattern,year," + ",".join(f"m{number}" for number in range(1, 13)), retail_months())


if __name__ == "__main__":
    main()
