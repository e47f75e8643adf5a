-- The inputs of the cases; README.md says what makes each one hard.
-- Scores and discounts are multiples of 0.125, so that no sum of them depends on the order.

CREATE TABLE deals (
    deal_id VARCHAR, rep_id VARCHAR, customer VARCHAR, stage VARCHAR, amount DECIMAL(18, 2), units BIGINT,
    score DOUBLE, won BOOLEAN, created_at TIMESTAMP WITH TIME ZONE, closed_on DATE
);

INSERT INTO deals VALUES
    ('d01', 'r1', '한빛전자', 'won', 100.00, 1, 0.5, true, '2025-03-29T22:30:00Z', '2025-03-30'),
    ('d02', 'r1', '한빛전자', 'won', 100.00, 2, 0.5, true, '2025-03-29T23:00:00Z', '2025-03-30'),
    ('d03', 'r1', 'Ångström AG', 'lost', -50.25, -3, -1.25, false, '2025-03-30T00:59:59.999999Z', '2025-03-31'),
    ('d04', 'r1', '', 'lost', 0.00, 0, 0.0, false, '2025-03-30T01:00:00Z', '2025-03-31'),
    ('d05', 'r2', 'Müller & Söhne', 'won', 2500.10, 25, 12.75, true, '2025-03-30T21:59:59.999999Z', '2025-04-01'),
    ('d06', 'r2', 'Müller & Söhne', 'won', 0.01, 1, 0.25, true, '2025-03-30T22:00:00Z', '2025-04-02'),
    ('d07', 'r2', NULL, 'open', NULL, NULL, NULL, NULL, '2025-10-25T21:59:59Z', NULL),
    ('d08', 'r2', '서울 시스템', 'open', 75.50, NULL, 3.0, NULL, '2025-10-25T22:00:00Z', NULL),
    ('d09', 'r3', '서울 시스템', 'won', 75.50, 7, NULL, true, '2025-10-26T00:30:00Z', '2025-10-26'),
    ('d10', 'r3', '서울 시스템', 'won', 75.50, 7, -2.5, true, '2025-10-26T01:30:00Z', '2025-10-27'),
    ('d11', 'r3', '100% Wool_Co', 'lost', 33.33, 3, 1.5, false, '2025-10-26T22:59:59Z', '2025-10-27'),
    ('d12', 'r3', '  padded  ', 'lost', 66.67, 6, 2.5, false, '2025-10-26T23:00:00Z', '2025-12-31'),
    ('d13', NULL, 'Zoë', 'won', 12345678.90, 1000000, 1.0, true, '2024-02-29T12:00:00Z', '2024-02-29'),
    ('d14', NULL, 'Zoë', 'lost', -12345678.90, -1000000, -1.0, false, '2024-12-31T22:59:59Z', '2024-12-31'),
    ('d15', NULL, NULL, NULL, NULL, 4, 0.75, NULL, NULL, NULL),
    ('d16', 'r9', 'zoe', 'won', 9.99, 9, 9.75, true, '2024-12-31T23:00:00Z', '2025-01-01'),
    ('d17', 'r9', 'zoe', NULL, 9.99, NULL, 0.0, false, '2025-01-31T09:00:00Z', '2025-01-31'),
    ('d18', 'r4', '한빛전자', 'open', 1.00, 1, 100.25, NULL, '1969-12-31T23:59:59.5Z', '1969-12-31');

CREATE TABLE reps (rep_id VARCHAR, name VARCHAR, team VARCHAR, manager_id VARCHAR, valid_from DATE, valid_to DATE);

INSERT INTO reps VALUES
    ('r1', '김민준', 'north', 'r4', '2024-01-01', '2025-03-31'),
    ('r1', '김민준', 'south', 'r4', '2025-03-31', NULL),
    ('r2', 'Björn', 'north', 'r4', '2024-01-01', '2025-04-01'),
    ('r2', 'Björn', 'north', NULL, '2025-04-02', '2025-12-31'),
    ('r3', 'Ada', NULL, 'r1', '2025-10-27', NULL),
    ('r4', 'Grace', 'board', NULL, '2020-01-01', NULL),
    ('r5', '이서연', 'south', 'r1', '2025-01-01', NULL);

CREATE TABLE lines (line_id BIGINT, deal_id VARCHAR, product VARCHAR, quantity BIGINT, price DECIMAL(18, 2), discount DOUBLE);

INSERT INTO lines VALUES
    (1, 'd01', 'lamp', 2, 25.00, 0.25),
    (2, 'd01', 'lamp', 2, 25.00, 0.25),
    (3, 'd01', 'desk', 1, 50.00, NULL),
    (4, 'd02', 'desk', 2, 50.00, 0.0),
    (5, 'd03', 'lamp', -2, 25.00, 0.5),
    (6, 'd05', '책상', 10, 249.99, 0.0),
    (7, 'd05', '의자', 0, 19.95, NULL),
    (8, 'd05', NULL, 1, 0.20, 0.125),
    (9, 'd09', '의자', 3, 19.95, 0.5),
    (10, 'd99', 'desk', 1, 50.00, 0.0),
    (11, NULL, 'lamp', 1, 25.00, NULL),
    (12, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE days (day DATE, kind VARCHAR);

INSERT INTO days VALUES
    ('2025-03-28', 'work'), ('2025-03-29', 'weekend'), ('2025-03-30', 'weekend'), ('2025-03-31', 'work'),
    ('2025-04-01', 'work'), ('2025-10-25', 'weekend'), ('2025-10-26', 'weekend'), ('2025-10-27', 'work'),
    ('2024-02-29', 'work'), ('2025-01-31', 'work'), ('2025-12-31', 'holiday');

CREATE TABLE subscriptions (customer VARCHAR, product VARCHAR, started_on DATE, ended_on DATE, monthly DECIMAL(18, 2));

INSERT INTO subscriptions VALUES
    ('한빛전자', 'lamp', '2025-01-01', '2025-02-01', 10.00),
    ('한빛전자', 'lamp', '2025-02-01', '2025-03-01', 10.00),
    ('한빛전자', 'desk', '2025-02-15', '2025-02-20', 5.50),
    ('한빛전자', 'lamp', '2025-04-15', NULL, 12.00),
    ('zoe', 'lamp', '2025-01-10', '2025-01-20', 10.00),
    ('zoe', 'lamp', '2025-01-15', '2025-01-17', 10.00),
    ('zoe', 'lamp', '2025-01-21', '2025-01-31', 10.00),
    ('zoe', 'desk', '2025-03-31', '2025-03-31', 7.25),
    ('Zoë', 'desk', '2024-02-29', '2025-02-28', 100.00);

CREATE TABLE empty_deals AS FROM deals WHERE false;
