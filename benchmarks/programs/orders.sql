-- SPDX-License-Identifier: MIT
-- A data logger's database: two tables, an index, a join, deletions, a transaction that is rolled back.
PRAGMA page_size = 512;
PRAGMA cache_size = 40;
CREATE TABLE device (id INTEGER PRIMARY KEY, name TEXT UNIQUE, room TEXT);
CREATE TABLE reading (device INTEGER REFERENCES device, at INTEGER, value REAL, note TEXT);
CREATE INDEX reading_at ON reading (at);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
  INSERT INTO device SELECT i, 'sensor-' || i, 'room-' || (i % 7) FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2200)
  INSERT INTO reading SELECT 1 + i * 7919 % 40, i, i * 31 % 100 / 3.0, CASE WHEN i % 11 = 0 THEN 'late ' || i END FROM n;
SELECT room, count(*), round(avg(value), 2), group_concat(note) FROM reading JOIN device ON device.id = device
  GROUP BY room ORDER BY room;
BEGIN;
UPDATE reading SET value = value * 2, note = note || ' (twice)' WHERE at % 3 = 0;
SELECT name, max(value) FROM reading JOIN device ON device.id = device GROUP BY name ORDER BY 2 DESC LIMIT 5;
ROLLBACK;
DELETE FROM reading WHERE at < 1100;
CREATE TRIGGER latest AFTER INSERT ON reading BEGIN
  UPDATE device SET room = 'seen-' || new.at WHERE id = new.device;
END;
WITH RECURSIVE n (i) AS (SELECT 2201 UNION ALL SELECT i + 1 FROM n WHERE i < 2900)
  INSERT INTO reading SELECT 1 + i * 7919 % 40, i, i * 17 % 90, NULL FROM n;
SELECT count(*), sum(length(room)) FROM device;
ALTER TABLE device ADD COLUMN seen INTEGER;
CREATE VIEW busy AS SELECT name, room, (SELECT max(at) FROM reading WHERE device = device.id) AS last FROM device;
UPDATE device SET seen = (SELECT last FROM busy WHERE busy.name = device.name);
SELECT json_group_array(json_object('name', name, 'room', room, 'seen', seen)) FROM device WHERE id % 3 = 0;
SELECT at / 100 AS hundred, count(DISTINCT device), min(value) FROM reading GROUP BY hundred HAVING count(*) > 5;
