"""First names, surnames and surname parts of the origins from eastern Europe, Asia and Africa.

Most common first; the order is the frequency rank. Data only: drawing from it is `name_pools.py`.
"""

POLISH_MALE = """
Piotr Krzysztof Andrzej Tomasz Paweł Jan Michał Marcin Marek Jakub Adam Łukasz Grzegorz Wojciech Mateusz
Rafał Kamil Dawid Zbigniew Dariusz Maciej Szymon Bartosz Sławomir Jacek"""
POLISH_FEMALE = """
Anna Katarzyna Maria Małgorzata Agnieszka Barbara Ewa Krystyna Magdalena Elżbieta Joanna Aleksandra Zofia
Monika Natalia Teresa Julia Karolina Marta Beata Dorota Justyna Paulina Halina Iwona"""
POLISH_SURNAMES = """
Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski
Kozłowski Mazur Jankowski Kwiatkowski Krawczyk Piotrowski Grabowski Pawłowski Michalski Król Wieczorek
Jabłoński Wróbel Majewski Stępień Malinowski Adamczyk Dudek Górski Sikora Walczak Rutkowski Baran"""
POLISH_PARTS = (
    """Bor Brod Cieś Czar Dom Gaj Gol Jan Kal Kar Kos Kras Lip Mak Miel Mir Olsz Pol Rad Ros Sad Sok Stan
    Star Tom Wal Wes Wil Zaj Zar""",
    "owski ewski iński ecki owicz ewicz czak czyk asik anek",
)

TURKISH_MALE = """
Mehmet Mustafa Ahmet Ali Hüseyin Hasan İbrahim Murat Ömer Yusuf Osman Emre Burak Can Kemal Serkan Cem
Tarık Onur Volkan Erkan Deniz Kaan Selim Orhan"""
TURKISH_FEMALE = """
Fatma Ayşe Emine Hatice Zeynep Elif Meryem Esra Özlem Yasemin Merve Büşra Sevgi Gülsen Songül Aylin Derya
Ebru Leyla Nur Şule Dilek Sibel Tuğba Hülya"""
TURKISH_SURNAMES = """
Yılmaz Kaya Demir Çelik Şahin Yıldız Yıldırım Öztürk Aydın Özdemir Arslan Doğan Kılıç Aslan Çetin Kara Koç
Kurt Özkan Şimşek Polat Korkmaz Çakır Erdoğan Yavuz Can Acar Aktaş Güler Bulut Keskin Ünal"""
TURKISH_PARTS = (
    "Ak Al Ay Bay Bey Boz Can Çak Dağ De Er Gök Gül Gün Kara Kal Kay Kut Öz Sarı Şen Taş Tek Top Uz Yal Yar",
    "oğlu demir soy türk taş can er gül kan kaya tepe doğan man han",
)

RUSSIAN_MALE = """
Alexander Sergei Dmitri Andrei Alexei Igor Vladimir Viktor Nikolai Oleg Yuri Pavel Ivan Roman Eugen
Anatoli Boris Maxim Artur Waldemar"""
RUSSIAN_FEMALE = """
Olga Elena Natalia Irina Tatiana Svetlana Anna Ekaterina Julia Marina Ludmila Galina Valentina Larisa
Oksana Nadia Vera Swetlana Alina Xenia"""
RUSSIAN_PARTS = (
    """Ivan Petr Sidor Smirn Kuzn Pop Vasil Sokol Mikhail Nov Fedor Moroz Volk Alexe Lebed Semen Egor Pavl
    Kozl Stepan Nikola Orl Andre Makar Nikit Zakhar Zait Solov Boris Yakovl Grigor Roman Vorob Serge Kuzm
    Frol""",
    "ov in enko ev chuk sky uk",
)

INDIAN_MALE = """
Rahul Amit Rajesh Sanjay Vijay Arjun Suresh Anil Ravi Deepak Rohan Vikram Ashok Manoj Sunil Arun Nikhil
Karan Harpreet Gurpreet Manpreet Pradeep Dinesh Ganesh Kiran Mohan Prakash Aditya Varun Jay"""
INDIAN_FEMALE = """
Priya Anjali Neha Pooja Sunita Anita Kavita Deepa Rekha Meera Lakshmi Shreya Divya Nisha Asha Geeta
Jasmine Simran Aisha Ritu Sonia Usha Radha Sita Nandini Swati Aarti Preeti Kiran Isha"""
INDIAN_SURNAMES = """
Patel Singh Sharma Kumar Shah Gupta Kaur Mehta Desai Joshi Reddy Rao Nair Iyer Verma Agarwal Jain Chopra
Kapoor Malhotra Bhatt Mishra Pandey Banerjee Mukherjee Chatterjee Das Ghosh Sen Menon Pillai Naidu Chauhan
Rana Gill Dhillon Sandhu Grewal Bains Parmar Solanki Trivedi"""
INDIAN_PARTS = (
    """Rama Krishna Venkata Subra Nara Lakshmi Siva Raja Deva Jaya Hari Gopal Bala Chandra Surya Maha Satya
    Vish""",
    "murthy swamy moorthy raman rajan nathan kumar lingam das prasad rao gopal varma",
)

ARABIC_MALE = """
Mohammed Ahmed Ali Omar Hassan Hussein Khalid Ibrahim Youssef Mahmoud Abdul Tariq Karim Bilal Hamza Imran
Usman Zain Adnan Faisal Rashid Samir Nabil Walid Jamal"""
ARABIC_FEMALE = """
Fatima Aisha Mariam Zainab Layla Khadija Amina Noor Yasmin Sana Hana Salma Rania Sara Huda Samira Nadia
Iman Farah Dina Rabia Saima Nazia Shazia Lubna"""
ARABIC_SURNAMES = """
Khan Ahmed Ali Hussain Hassan Malik Mohamed Ibrahim Iqbal Mahmood Akhtar Begum Rahman Chaudhry Sheikh
Mirza Qureshi Siddiqui Aziz Farooq Haddad Nasser Saleh Mansour Khoury Hamdan Darwish Al-Masri Al-Sayed
Yousef Saeed Bashir Anwar Shah Butt Raja Hamid Khalil Najjar Abdullah"""
ARABIC_PARTS = (
    "Abdul_ Abu Al- El- Ben_ Bou Bin_",
    """rahman karim aziz hamid salem khalid tamimi masri baghdadi shami hashimi ansari qadir latif majid
    nouri amin mansour hadid rashidi omari zaidi""",
)

CHINESE_MALE = """
Wei Jun Ming Hao Lei Tao Bo Feng Jie Qiang Peng Yang Chao Bin Xiang Kevin Jason Eric Daniel David Yi Zhen
Hong Jian Guang"""
CHINESE_FEMALE = """
Li Fang Mei Xiu Yan Ling Jing Na Hui Min Lan Juan Ying Xin Yu Amy Grace Vivian Michelle Cindy Qing Hua
Ping Rong Lili"""
CHINESE_SURNAMES = """
Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo He Lin Gao Luo Zheng Liang Xie Song
Tang Deng Han Feng Cao Peng Zeng Xiao Tian Dong Pan Yuan Cai Jiang Yu Du Ye Cheng Wei Su Lu Ding Ren Shen
Yao Cui Zhong Tan Fan Wong Chan Lau Cheung Leung Ng Ho"""

NIGERIAN_MALE = """
Emeka Chinedu Oluwaseun Tunde Ifeanyi Segun Femi Kwame Kofi Kwabena Obinna Chukwuemeka Babatunde Adewale
Samuel Emmanuel Daniel Michael Yaw Uche"""
NIGERIAN_FEMALE = """
Ngozi Chioma Adaeze Funke Folake Yetunde Amara Abena Akua Ama Blessing Grace Mercy Ifeoma Nkechi Temitope
Bolanle Esi Adwoa Zainab"""
NIGERIAN_SURNAMES = """
Okafor Adeyemi Okonkwo Adebayo Eze Nwosu Balogun Okoye Mensah Owusu Boateng Asante Osei Obi Abiola
Ogunleye Chukwu Ibe Agyeman Appiah Adeleke Bello Danjuma Nwachukwu Onyango Mwangi Kamau Otieno"""
NIGERIAN_PARTS = (
    "Ade Olu Ola Oko Nwa Chi Oye Ogun Obi Aki Ayo Eke Ike Ogu Udo",
    "yemi bayo wale kanmi sanya dele leke nkwo jide bola niyi tunde tayo femi dayo chukwu gozie oma",
)
