BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE attempts (
	trial_id VARCHAR(96) NOT NULL, 
	attempt INTEGER NOT NULL, 
	host VARCHAR(128), 
	started FLOAT NOT NULL, 
	ended FLOAT, 
	outcome VARCHAR(16), 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_attempts PRIMARY KEY (trial_id, attempt), 
	CONSTRAINT fk_attempts_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id)
);
INSERT INTO "attempts" VALUES('7028e982-0',1,'host-1',1.79606418837386059761e+09,1.79606418845319724085e+09,'done','');
INSERT INTO "attempts" VALUES('7028e982-1',1,'host-1',1.79606418849418663979e+09,1.79606418859938287736e+09,'done','');
INSERT INTO "attempts" VALUES('7028e982-2',1,'host-1',1.79606418858370590211e+09,1.79606418864160609239e+09,'failed','Traceback (most recent call last):
  File "/home/ada/study/bowl.py", line 5, in train
    raise ValueError("no good: é")
ValueError: no good: é');
INSERT INTO "attempts" VALUES('7028e982-3',1,'host-1',1.79606418870159626009e+09,1.79606418874133181573e+09,'done','');
INSERT INTO "attempts" VALUES('7028e982-4',1,'host-1',1.79606418876231694226e+09,1.79606418881426191328e+09,'done','');
INSERT INTO "attempts" VALUES('7028e982-5',1,'host-1',1.79606418880391454696e+09,1.79606418887230086323e+09,'done','');
INSERT INTO "attempts" VALUES('7028e982-6',1,'host-1',1.79606418885332536701e+09,1.79606418887908315658e+09,'done','');
INSERT INTO "attempts" VALUES('7028e982-7',1,'host-1',1.79606418889375329017e+09,1.79606418891695976264e+09,'done','');
INSERT INTO "attempts" VALUES('6e7f8eae-0',1,'host-1',1796064214.54445,1.79606421469892787935e+09,'done','');
INSERT INTO "attempts" VALUES('6e7f8eae-1',1,'host-1',1.79606421458578038212e+09,1.7960642147418620587e+09,'done','');
INSERT INTO "attempts" VALUES('6e7f8eae-2',1,'host-1',1.79606421476672506332e+09,NULL,NULL,'');
INSERT INTO "attempts" VALUES('6e7f8eae-3',1,'host-1',1.79606421479733848571e+09,NULL,NULL,'');
CREATE TABLE rounds (
	study_id VARCHAR(64) NOT NULL, 
	"index" INTEGER NOT NULL, 
	data JSON NOT NULL, 
	computed_from JSON NOT NULL, 
	created FLOAT NOT NULL, 
	run_id VARCHAR(64), 
	CONSTRAINT pk_rounds PRIMARY KEY (study_id, "index"), 
	CONSTRAINT fk_rounds_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "rounds" VALUES('7028e982',0,'{"index": 0, "box": {"x": [0.0, 1.0], "layers": [0.0, 1.0], "solver": {"choices": ["sgd", "adam"]}}, "kind": "start", "reason": "The first trials spread evenly over the whole space.", "changes": {"x": "kept", "layers": "kept", "solver": "kept"}, "parent": null, "support": [], "results": 0, "best": null, "incumbent": null, "memory": {}}','[]',1.79606418822291874883e+09,'fb4ad1edb7e44b43a8cf3c0755e5fdfb');
INSERT INTO "rounds" VALUES('6e7f8eae',0,'{"index": 0, "box": {"x": [0.0, 1.0], "layers": [0.0, 1.0], "solver": {"choices": ["sgd", "adam"]}}, "kind": "start", "reason": "The first trials spread evenly over the whole space.", "changes": {"x": "kept", "layers": "kept", "solver": "kept"}, "parent": null, "support": [], "results": 0, "best": null, "incumbent": null, "memory": {}}','[]',1.79606421441428208349e+09,NULL);
CREATE TABLE studies (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT NOT NULL, 
	source TEXT NOT NULL, 
	filename VARCHAR(255) NOT NULL, 
	folder TEXT, 
	code_version VARCHAR(255), 
	user VARCHAR(255), 
	created FLOAT NOT NULL, 
	ended FLOAT, 
	importance JSON, 
	experiment_id VARCHAR(64), 
	run_id VARCHAR(64), 
	closed BOOLEAN NOT NULL, 
	CONSTRAINT pk_studies PRIMARY KEY (id)
);
INSERT INTO "studies" VALUES('7028e982','bowl','297274ab9c2c3342d5e33f1088e87ca3dc35c2c0ac19d5be40a68237834e82e3','done','','name: bowl
metric: {name: loss, goal: minimize}
trainer: {function: "bowl:train"}
space:
  x: {type: float, low: 0.001, high: 1.0, scale: log}
  layers: {type: int, low: 1, high: 8}
  solver: {type: categorical, choices: [sgd, adam]}
budget: {trials: 8}
','study.yaml','/home/ada/study',NULL,'ada',1.79606418822291874883e+09,1.79606418892289876939e+09,'[]','1','5f99bcef36a84ffbbff78f9e3a46db98',1);
INSERT INTO "studies" VALUES('6e7f8eae','second','5626a0f7828a195c6c83a6f2bd49874236c62d66c858077d910c8e6ce1a7648a','paused','','name: second
metric: {name: loss, goal: minimize}
trainer: {function: "slow:train"}
space:
  x: {type: float, low: 0.001, high: 1.0, scale: log}
  layers: {type: int, low: 1, high: 8}
  solver: {type: categorical, choices: [sgd, adam]}
budget: {trials: 6}
','second.yaml','/home/ada/study',NULL,'ada',1.79606421441428208349e+09,NULL,'null',NULL,NULL,0);
CREATE TABLE trials (
	id VARCHAR(96) NOT NULL, 
	study_id VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempt INTEGER NOT NULL, 
	crashes INTEGER NOT NULL, 
	lost INTEGER NOT NULL, 
	params JSON NOT NULL, 
	seed INTEGER NOT NULL, 
	value FLOAT, 
	metrics JSON NOT NULL, 
	steps INTEGER NOT NULL, 
	nonce VARCHAR(64), 
	host VARCHAR(128), 
	incarnation VARCHAR(64), 
	slot INTEGER, 
	created FLOAT NOT NULL, 
	started FLOAT, 
	ended FLOAT, 
	seconds FLOAT, 
	error TEXT NOT NULL, 
	output TEXT NOT NULL, 
	run_id VARCHAR(64), 
	shipped BOOLEAN NOT NULL, 
	CONSTRAINT pk_trials PRIMARY KEY (id), 
	CONSTRAINT uq_trials_study_id_number UNIQUE (study_id, number), 
	CONSTRAINT fk_trials_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "trials" VALUES('7028e982-0','7028e982',0,0,'done',1,0,0,'{"x": 0.10169439678871389, "layers": 3, "solver": "sgd"}',1446583109,1.03417503382203825046e-02,'{}',3,'43ded964e84d452db6daa7dfa3fd60cf','host-1','3c87a4db151d455689abffcc088fc76d',1,1.79606418828992176056e+09,1.79606418837386059761e+09,1.79606418845319724085e+09,2.59508409999398281797e-02,'','','74de88075fff4788b1d8bfe438a08674',1);
INSERT INTO "trials" VALUES('7028e982-1','7028e982',1,0,'done',1,0,0,'{"x": 0.0036637757044868887, "layers": 8, "solver": "adam"}',2005510037,1.34232524127883975581e-05,'{}',3,'bde48794c4f34e648c28895dfc630256','host-1','3c87a4db151d455689abffcc088fc76d',0,1.79606418839074540136e+09,1.79606418849418663979e+09,1.79606418859938287736e+09,2.71332099998744524782e-02,'','','1eb345fc82d140b8a13de340028fd400',1);
INSERT INTO "trials" VALUES('7028e982-2','7028e982',2,0,'failed',1,0,0,'{"x": 0.02575916463827695, "layers": 2, "solver": "sgd"}',1234457838,NULL,'{}',3,'5e552260d44f4ecf9e6a8011a4f5db6e','host-1','3c87a4db151d455689abffcc088fc76d',1,1.7960641885452203751e+09,1.79606418858370590211e+09,1.79606418864160609239e+09,2.39588320000621024519e-02,'Traceback (most recent call last):
  File "/home/ada/study/bowl.py", line 5, in train
    raise ValueError("no good: é")
ValueError: no good: é','','653eb7ca291e46eca85ce0179362cd8e',1);
INSERT INTO "trials" VALUES('7028e982-3','7028e982',3,0,'done',1,0,0,'{"x": 0.4597358782267502, "layers": 5, "solver": "adam"}',996794743,2.11357077728921316506e-01,'{}',3,'938f45c176fc422dbad17c2cf938e985','host-1','3c87a4db151d455689abffcc088fc76d',1,1.79606418863145780558e+09,1.79606418870159626009e+09,1.79606418874133181573e+09,2.01066509998781839385e-02,'','','90e2da9a74c946c39b3cd6ed074485bc',1);
INSERT INTO "trials" VALUES('7028e982-4','7028e982',4,0,'done',1,0,0,'{"x": 0.2844723596551716, "layers": 1, "solver": "adam"}',611851748,8.09245234077812930495e-02,'{}',3,'9f73f10f2a6240b5bc8b540d00d1b4a1','host-1','3c87a4db151d455689abffcc088fc76d',1,1.7960641887272553444e+09,1.79606418876231694226e+09,1.79606418881426191328e+09,2.27638540000043576583e-02,'','','0ce35a9b58274526a99129fdd7fb0517',1);
INSERT INTO "trials" VALUES('7028e982-5','7028e982',5,0,'done',1,0,0,'{"x": 0.0074123390394087, "layers": 6, "solver": "sgd"}',1711670227,5.49427700351422888596e-05,'{}',3,'3d2a3f7a5cfa4e38ab1cd3d46d92e620','host-1','3c87a4db151d455689abffcc088fc76d',0,1.79606418876510047911e+09,1.79606418880391454696e+09,1.79606418887230086323e+09,3.45756049998726666672e-02,'','','9ebf09a1ad9541d9978e404a6305fd83',1);
INSERT INTO "trials" VALUES('7028e982-6','7028e982',6,0,'done',1,0,0,'{"x": 0.0010631564607863722, "layers": 4, "solver": "adam"}',1405952615,1.13030166011180484471e-06,'{}',3,'bbe47f40806e4ead939745ec44e619cc','host-1','3c87a4db151d455689abffcc088fc76d',1,1.79606418882781100274e+09,1.79606418885332536701e+09,1.79606418887908315658e+09,0.0176787709999644,'','','4fdeb43c7b1b471eaae1304f8a76389f',1);
INSERT INTO "trials" VALUES('7028e982-7','7028e982',7,0,'done',1,0,0,'{"x": 0.06218810614719876, "layers": 7, "solver": "sgd"}',368560125,0.00386736054617526,'{}',3,'10e3358c67f444e08d69d976e94567b4','host-1','3c87a4db151d455689abffcc088fc76d',1,1.79606418885580945013e+09,1.79606418889375329017e+09,1.79606418891695976264e+09,1.12418650001018249895e-02,'','','f7de859133234574b05698900fb48a1f',1);
INSERT INTO "trials" VALUES('6e7f8eae-0','6e7f8eae',0,0,'done',1,0,0,'{"x": 0.10169439678871389, "layers": 3, "solver": "sgd"}',1446583109,1.0169439678871389221e-01,'{}',1,'079a2edd9abe453eaf0f7220cb7ac793','host-1','06d8d7d81bea4b258b0fcebbd553ed71',1,1.79606421445434594153e+09,1796064214.54445,1.79606421469892787935e+09,1.2944724899989523692e-01,'','',NULL,0);
INSERT INTO "trials" VALUES('6e7f8eae-1','6e7f8eae',1,0,'done',1,0,0,'{"x": 0.0036637757044868887, "layers": 8, "solver": "adam"}',2005510037,3.66377570448688872142e-03,'{}',1,'7e00ed24dff54de7a8c985deeb6e4417','host-1','06d8d7d81bea4b258b0fcebbd553ed71',0,1.79606421456222653393e+09,1.79606421458578038212e+09,1.7960642147418620587e+09,1.23133234000079028191e-01,'','',NULL,0);
INSERT INTO "trials" VALUES('6e7f8eae-2','6e7f8eae',2,0,'running',1,0,0,'{"x": 0.02575916463827695, "layers": 2, "solver": "sgd"}',1234457838,NULL,'{}',0,'abe751be4597475288f1a88b2b548c76','host-1','06d8d7d81bea4b258b0fcebbd553ed71',1,1.79606421459128904345e+09,1.79606421476672506332e+09,NULL,NULL,'','',NULL,0);
INSERT INTO "trials" VALUES('6e7f8eae-3','6e7f8eae',3,0,'running',1,0,0,'{"x": 0.4597358782267502, "layers": 5, "solver": "adam"}',996794743,NULL,'{}',0,'cdbfd6cfe41a4bdda94f8bd0ccf4ba09','host-1','06d8d7d81bea4b258b0fcebbd553ed71',0,1.79606421477627468106e+09,1.79606421479733848571e+09,NULL,NULL,'','',NULL,0);
INSERT INTO "trials" VALUES('6e7f8eae-4','6e7f8eae',4,0,'dispatched',1,0,0,'{"x": 0.2844723596551716, "layers": 1, "solver": "adam"}',611851748,NULL,'{}',0,NULL,NULL,NULL,NULL,1.79606421480286097521e+09,NULL,NULL,NULL,'','',NULL,0);
CREATE INDEX ix_studies_state ON studies (state);
CREATE INDEX ix_studies_fingerprint ON studies (fingerprint);
CREATE INDEX ix_trials_state ON trials (state);
COMMIT;
