-- The MySQL shop that the demo guards: 2,000 customers, 200 products, 6,000 orders with their items, 6,000 payments.
-- Every value is computed from its row number, so that each start, machine and reader sees the same rows.

CREATE TABLE customers (
  id bigint AUTO_INCREMENT PRIMARY KEY,
  name varchar(100) NOT NULL,
  email varchar(200) NOT NULL UNIQUE,
  phone varchar(40) NOT NULL,
  city varchar(60) NOT NULL,
  country char(2) NOT NULL,
  marketing_consent boolean NOT NULL DEFAULT false,
  created_at datetime NOT NULL
);

CREATE TABLE products (
  id bigint AUTO_INCREMENT PRIMARY KEY,
  sku varchar(20) NOT NULL UNIQUE,
  name varchar(100) NOT NULL,
  category varchar(40) NOT NULL,
  price decimal(10, 2) NOT NULL CHECK (price > 0),
  stock integer NOT NULL CHECK (stock >= 0)
);

CREATE TABLE orders (
  id bigint AUTO_INCREMENT PRIMARY KEY,
  customer_id bigint NOT NULL,
  status enum('pending', 'paid', 'shipped', 'delivered', 'cancelled', 'refunded') NOT NULL,
  placed_at datetime NOT NULL,
  shipped_at datetime,
  note text,
  INDEX (placed_at),
  FOREIGN KEY (customer_id) REFERENCES customers (id)
);

CREATE TABLE order_items (
  order_id bigint NOT NULL,
  line integer NOT NULL,
  product_id bigint NOT NULL,
  quantity integer NOT NULL CHECK (quantity > 0),
  unit_price decimal(10, 2) NOT NULL,
  PRIMARY KEY (order_id, line),
  FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE,
  FOREIGN KEY (product_id) REFERENCES products (id)
);

CREATE TABLE payments (
  id bigint AUTO_INCREMENT PRIMARY KEY,
  order_id bigint NOT NULL,
  method enum('card', 'transfer', 'invoice', 'wallet') NOT NULL,
  card_last4 char(4),
  amount decimal(12, 2) NOT NULL,
  status enum('authorized', 'captured', 'failed', 'refunded') NOT NULL,
  paid_at datetime,
  FOREIGN KEY (order_id) REFERENCES orders (id)
) COMMENT = 'One payment for each order; amounts in euros.';

INSERT INTO customers
SELECT
  seq,
  concat(first_name, ' ', last_name),
  concat(lower(first_name), '.', lower(last_name), seq, '@example.com'),
  concat('+49 30 555 ', lpad(seq * 7919 % 100000, 5, '0')),
  elt(1 + seq * 31 % 12, 'Berlin', 'Hamburg', 'Lisbon', 'Porto', 'Lyon', 'Nantes', 'Turin', 'Bari', 'Graz', 'Utrecht', 'Ghent', 'Malmö'),
  elt(1 + seq * 31 % 12, 'DE', 'DE', 'PT', 'PT', 'FR', 'FR', 'IT', 'IT', 'AT', 'NL', 'BE', 'SE'),
  seq % 3 = 0,
  timestamp('2023-01-01') + INTERVAL seq * 4871 % 1000000 MINUTE
FROM (
  SELECT
    seq,
    elt(1 + seq * 13 % 12, 'Ada', 'Ben', 'Chiara', 'David', 'Elif', 'Femke', 'Goran', 'Hanna', 'Ines', 'Jonas', 'Katja', 'Luis') AS first_name,
    elt(1 + seq * 17 % 11, 'Almeida', 'Becker', 'Costa', 'Dubois', 'Eriksson', 'Ferrari', 'Gruber', 'Huber', 'Ivanov', 'Jansen', 'Keller') AS last_name
  FROM seq_1_to_2000
) AS names;

INSERT INTO products
SELECT
  seq,
  concat('SKU-', lpad(seq, 5, '0')),
  concat(
    elt(1 + seq % 8, 'Oak', 'Linen', 'Steel', 'Cork', 'Glass', 'Wool', 'Copper', 'Paper'), ' ',
    elt(1 + seq * 7 % 10, 'lamp', 'chair', 'kettle', 'notebook', 'blanket', 'shelf', 'mug', 'clock', 'rug', 'tray')
  ),
  elt(1 + seq * 7 % 10, 'lighting', 'furniture', 'kitchen', 'stationery', 'textiles', 'furniture', 'kitchen', 'living', 'textiles', 'kitchen'),
  round(4.5 + (seq * 7907 % 29550) / 100, 2),
  seq * 104729 % 400
FROM seq_1_to_200;

INSERT INTO orders
SELECT
  seq,
  1 + seq * 3571 % 2000,
  status,
  placed_at,
  if(status IN ('shipped', 'delivered', 'refunded'), placed_at + INTERVAL 1 + seq % 5 DAY, NULL),
  if(seq % 97 = 0, 'Leave with the neighbours', NULL)
FROM (
  SELECT
    seq,
    elt(1 + seq * 5 % 11, 'delivered', 'delivered', 'shipped', 'paid', 'delivered', 'pending', 'delivered', 'delivered', 'cancelled', 'refunded', 'delivered') AS status,
    timestamp('2026-01-01 06:00') + INTERVAL seq * 71 + seq * 7717 % 29 MINUTE AS placed_at
  FROM seq_1_to_6000
) AS made;

INSERT INTO order_items
SELECT o.seq, line.seq, products.id, 1 + (o.seq * line.seq) % 3, products.price
FROM seq_1_to_6000 AS o
  JOIN seq_1_to_4 AS line ON line.seq <= 1 + o.seq * 3 % 4
  JOIN products ON products.id = 1 + (o.seq * 263 + line.seq * 137) % 200;

INSERT INTO payments
SELECT
  id,
  id,
  method,
  if(method = 'card', lpad(id * 6361 % 10000, 4, '0'), NULL),
  total,
  CASE status WHEN 'pending' THEN 'authorized' WHEN 'cancelled' THEN 'failed' WHEN 'refunded' THEN 'refunded' ELSE 'captured' END,
  if(status IN ('pending', 'cancelled'), NULL, placed_at + INTERVAL id % 50 MINUTE)
FROM (
  SELECT o.id, o.status, o.placed_at, sum(i.quantity * i.unit_price) AS total,
    elt(1 + o.id % 7, 'card', 'card', 'wallet', 'transfer', 'card', 'invoice', 'card') AS method
  FROM orders AS o JOIN order_items AS i ON i.order_id = o.id
  GROUP BY o.id
) AS sums;

CREATE VIEW order_totals AS
SELECT o.id AS order_id, o.customer_id, c.name AS customer, o.status, o.placed_at, count(*) AS items, sum(i.quantity * i.unit_price) AS total
FROM orders AS o
  JOIN customers AS c ON c.id = o.customer_id
  JOIN order_items AS i ON i.order_id = o.id
GROUP BY o.id;
